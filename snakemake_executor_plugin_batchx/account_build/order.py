"""The Batch job that builds a runtime, as it is asked for and waited for."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.account_build import bootstrap
from snakemake_executor_plugin_batchx.account_build.kept import (
    CACHE_KIND,
    KeptRuntime,
)
from snakemake_executor_plugin_batchx.account_build.recipe import Recipe, plan_recipe
from snakemake_executor_plugin_batchx.account_build.wait import JobWait
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.verdict import judge_failure
from snakemake_executor_plugin_batchx.batch.watcher import JobTeller
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.names import make_job_name
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import Demand
from snakemake_executor_plugin_batchx.plan.submission import plan_submission
from snakemake_executor_plugin_batchx.runtime.interpreter import ARCHITECTURES
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer

RULE = "batchx-runtime"
"""What stands for the rule in the names of job and definition."""

DEMAND = Demand(threads=2, memory_mib=3840, minutes=30)

PROCESSORS = {architecture: machine for machine, (architecture, _) in ARCHITECTURES.items()}

OTHER_WAY = (
    "have the runtime pushed from a Linux machine with the queue's processor (batchx runtime push) "
    "and name it by --batchx-runtime-image"
)


class Batch(JobTeller, Protocol):
    """What is needed of the Batch gateway."""

    def submit_job(self, request: dict[str, Any]) -> str:
        """Submit a job; return its id."""

    def terminate_jobs(self, job_ids: Sequence[str], reason: str) -> list[str]:
        """End jobs; return a sentence for each that could not be ended."""


def choose_image(python: str) -> str:
    """Return the public image of a Python version ("3.11"), for any processor.

    ECR Public, because Docker Hub counts the pulls of anonymous hosts; its copy of
    https://hub.docker.com/_/python sets no ENTRYPOINT, and python3 is on its PATH.
    """
    return f"public.ecr.aws/docker/library/python:{python}-slim"


def make_build_command(recipe: Recipe, region: str, bucket: str, key: str) -> list[str]:
    """Return the job's command; `key` is the recipe's. AWS limits overrides to 8,192 characters."""
    program = Path(bootstrap.__file__).read_text(encoding="utf-8")
    aws_packages = recipe.pin("boto3", "botocore", "awscrt")
    processor = PROCESSORS[recipe.architecture]
    return ["python3", "-c", program, processor, region, bucket, key, *aws_packages]


@dataclass(frozen=True)
class AccountBuild:
    """Has runtimes built by jobs of a queue, and finds those that were.

    `plan_request` says what a job asks of Batch that runs on an architecture, `say` gets a line per
    stage; `clock` (seconds, monotonic) and `sleep` are passed in.
    """

    batch: Batch
    definitions: Definitions
    store: ObjectStore
    root: S3Root
    region: str
    plan_request: Callable[[Demand, str], JobRequest]
    tags: Mapping[str, str]
    cache_dir: Path
    say: Callable[[str], None]
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    choose_image: Callable[[str], str] = choose_image

    def provide(self, architecture: str) -> tuple[LayerFile, ...]:
        """Return the layers of this head's runtime for an architecture, as files here.

        From this machine's cache, else from the S3 root, else built by a job. Two heads at once
        build it twice, to the same place. Raises BatchxError with the job and why it failed.
        """
        recipe = plan_recipe(architecture)
        entry = self.cache_dir / "runtime" / f"{CACHE_KIND}-{recipe.name}"
        kept = KeptRuntime(self.store, self.root.get_runtime_prefix(recipe.name), entry)
        layers = kept.find_cached() or kept.fetch(self.say)
        if layers is None:
            self._build(recipe, kept)
            layers = kept.fetch(self.say)
        if layers is None:
            where = self.root.make_url(kept.prefix)
            raise BatchxError(
                f"The job that built the job runtime left none in {where}: start again, and see "
                "whether something else removes objects there."
            )
        return layers

    def _build(self, recipe: Recipe, kept: KeptRuntime) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="batchx-recipe-") as folder,
            Transfer(self.store) as transfer,
        ):
            transfer.send_as(recipe.write(Path(folder)), kept.recipe_key)
        image = self.choose_image(recipe.python)
        request = self.plan_request(DEMAND, recipe.architecture)
        submission = plan_submission(
            name=make_job_name(RULE, recipe.name, 1),
            definition_arn=self.definitions.provide(RULE, JobImage(image, image), request),
            command=make_build_command(recipe, self.region, self.root.bucket, kept.recipe_key),
            request=request,
            tags=self.tags,
        )
        job_id = self.batch.submit_job(submission)
        self.say(
            f"the job runtime for {recipe.architecture} cannot be built on this machine: Batch job "
            f"{job_id} builds it in {image}, once for each set of versions (some minutes)"
        )
        problem = self._await(job_id, image, request.resources.memory_mib)
        if problem:
            raise BatchxError(
                f"The job runtime for {recipe.architecture} could not be built in the account: "
                f"mend what follows, or {OTHER_WAY}.\n{problem}"
            )

    def _await(self, job_id: str, image: str, memory_mib: int) -> str | None:
        """Return why the job brought nothing, None if it succeeded; one that is left is ended."""
        with ExitStack() as stack:
            reason = "the head that waited for this runtime has ended"
            stack.callback(self.batch.terminate_jobs, [job_id], reason)
            try:
                state = JobWait(self.batch, job_id, self.say, self.clock, self.sleep).wait()
            except BatchxError as error:
                return str(error)
            stack.pop_all()
        if state.status == "SUCCEEDED":
            return None
        told = judge_failure(state, None, image=image, memory_mib=memory_mib).message
        log = state.last_attempt.log if state.last_attempt else None
        return f"{told}\nIts output is in CloudWatch, log stream {log.stream}" if log else told
