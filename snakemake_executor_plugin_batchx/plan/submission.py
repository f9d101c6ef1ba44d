"""SubmitJob requests."""

from typing import Any

from snakemake_executor_plugin_batchx.plan.resources import BatchResources
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


def plan_submission(
    *,
    name: str,
    queue: str,
    definition_arn: str,
    command: list[str],
    resources: BatchResources,
    tags: dict[str, str],
    size: int = 1,
) -> dict[str, Any]:
    """Return the SubmitJob request for a single job, or for an array job of `size` children.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
    """
    request: dict[str, Any] = {
        "jobName": name,
        "jobQueue": queue,
        "jobDefinition": definition_arn,
        "containerOverrides": {
            "command": command,
            "resourceRequirements": resources.make_requirements(),
        },
        "propagateTags": True,
        "tags": tags,
    }
    if resources.timeout_seconds is not None:
        request["timeout"] = {"attemptDurationSeconds": resources.timeout_seconds}
    if size > 1:
        request["arrayProperties"] = {"size": size}
    return request
