"""SubmitJob requests."""

from collections.abc import Mapping, Sequence
from typing import Any

from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.retries import make_retry_strategy
from snakemake_executor_plugin_batchx.spec import JOB_MODULE


def make_job_command(python: str, region: str, spec_url: str, s3_options: str = "") -> list[str]:
    """Return the command of every job: short, because ECS refuses overrides over 8,192 characters.

    `python` is the interpreter that holds batchx. All else a job needs is in the object at
    `spec_url`. The region is said because ECS on EC2 tells a container none, and an image's own
    environment may tell a wrong one. Nor does the image's environment say where modules are (`-I`),
    or how text is encoded: in UTF-8, as on the head. `s3_options` say how S3 is reached, where that
    is not as usual (storage/options.py).
    """
    options = [s3_options] if s3_options else []
    return [python, "-I", "-X", "utf8", "-m", JOB_MODULE, region, spec_url, *options]


def find_spec_url(command: Sequence[str]) -> str:
    """Return the spec's URL in a job's command, "" where it is none of ours."""
    words = list(command)
    after = words.index(JOB_MODULE) + 2 if JOB_MODULE in words else len(words)
    return words[after] if after < len(words) else ""


def plan_submission(
    *,
    name: str,
    definition_arn: str,
    command: list[str],
    request: JobRequest,
    tags: Mapping[str, str],
    size: int = 1,
) -> dict[str, Any]:
    """Return the SubmitJob request for a single job, or for an array job of `size` children.

    Only what a job may say instead of its definition stands in it.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
    """
    options, resources = request.options, request.resources
    submission: dict[str, Any] = {
        "jobName": name,
        "jobQueue": request.platform.queue,
        "jobDefinition": definition_arn,
        "containerOverrides": {
            "command": command,
            "resourceRequirements": resources.make_requirements(),
        },
        "propagateTags": True,
        "tags": {**dict(options.tags or ()), **tags},
    }
    if options.share is not None:
        submission["shareIdentifier"] = options.share
    if options.priority is not None:
        submission["schedulingPriorityOverride"] = options.priority
    if options.retries is not None:
        submission["retryStrategy"] = make_retry_strategy(options.retries)
    if resources.timeout_seconds is not None:
        submission["timeout"] = {"attemptDurationSeconds": resources.timeout_seconds}
    if size > 1:
        submission["arrayProperties"] = {"size": size}
    return submission
