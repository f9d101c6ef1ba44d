"""A Snakemake job as plain values: what describing yields and planning reads."""

from dataclasses import dataclass, replace

from snakemake_executor_plugin_batchx.plan.request import Wish
from snakemake_executor_plugin_batchx.spec import (
    ExpectedStep,
    Product,
    StepEnvironment,
    StorageFile,
)

KEEP_INCOMPLETE = "--keep-incomplete"


@dataclass(frozen=True)
class JobDescription:
    """One job, single or group, as the head sees it when it hands it over.

    `rules` are the names of its rules, `argv` the arguments of the Snakemake inside the job,
    `wish` what they ask of Batch, `inputs` the paths to stage (relative to the working directory,
    or absolute), `checkpoints` the outputs of finished checkpoints that input functions ask for,
    `environments` the conda environments that the job makes, `storage_files` its objects of the s3
    storage plugin, whose relative paths refer to `storage_dir`, `cached_inputs` those inputs that
    hosts keep.
    """

    rules: tuple[str, ...]
    attempt: int
    argv: tuple[str, ...]
    wish: Wish
    inputs: tuple[str, ...]
    products: tuple[Product, ...]
    steps: tuple[ExpectedStep, ...]
    checkpoints: tuple[str, ...] = ()
    environments: tuple[StepEnvironment, ...] = ()
    storage_files: tuple[StorageFile, ...] = ()
    storage_dir: str = "."
    cached_inputs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call the job."""
        return self.wish.label

    @property
    def is_keeping_incomplete(self) -> bool:
        """Whether outputs of a failed job are wanted."""
        return KEEP_INCOMPLETE in self.argv

    def drop_details(self) -> "JobDescription":
        """Return what is still needed of a job that has been submitted: thousands wait at once."""
        return replace(
            self,
            argv=(KEEP_INCOMPLETE,) if self.is_keeping_incomplete else (),
            inputs=(),
            steps=(),
            checkpoints=(),
            environments=(),
            storage_files=(),
            cached_inputs=(),
        )
