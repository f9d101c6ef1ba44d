"""A Snakemake job as plain values: what describing yields and planning reads."""

from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.spec import (
    ExpectedStep,
    Product,
    StepEnvironment,
    StorageFile,
)


@dataclass(frozen=True)
class JobDescription:
    """One job, single or group, as the head sees it when it hands it over.

    `rules` are the names of its rules, `argv` the arguments of the Snakemake inside the job,
    `inputs` the paths to stage (relative to the working directory, or absolute), `resources`
    Snakemake's own with threads as `_cores`, `container` the rule's `container:`, `checkpoints`
    the outputs of finished checkpoints that input functions ask for, `environments` the conda
    environments that the job makes, `storage_files` its objects of the s3 storage plugin, whose
    relative paths refer to `storage_dir`.
    """

    label: str
    rules: tuple[str, ...]
    attempt: int
    argv: tuple[str, ...]
    container: str | None
    resources: dict[str, Any]
    inputs: tuple[str, ...]
    products: tuple[Product, ...]
    steps: tuple[ExpectedStep, ...]
    checkpoints: tuple[str, ...] = ()
    environments: tuple[StepEnvironment, ...] = ()
    storage_files: tuple[StorageFile, ...] = ()
    storage_dir: str = "."
