"""SubmitJob requests: exactly what is asked of AWS."""

from collections.abc import Callable, Mapping
from typing import Any

from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission

CheckRequest = Callable[[str, Mapping[str, Any]], None]

DEFINITION = "arn:aws:batch:eu-west-1:123456789012:job-definition/bx-map-0123456789abcdef:1"
URL = "s3://my-bucket/run/.batchx/runs/20260102T030405-abcdef/000001/spec"
COMMAND = [
    "/batchx/bin/python",
    *("-I", "-X", "utf8"),
    "-m",
    "snakemake_executor_plugin_batchx.job",
    "eu-west-1",
    URL,
]


def plan(resources: BatchResources) -> dict[str, Any]:
    return plan_submission(
        name="bx-map-0123456789ab-1",
        queue="queue",
        definition_arn=DEFINITION,
        command=make_job_command("/batchx/bin/python", "eu-west-1", URL),
        resources=resources,
        tags={"cost": "lab 7"},
    )


def test_a_submission(check_request: CheckRequest) -> None:
    request = plan(BatchResources(4, 8192, gpus=1, timeout_seconds=3600))
    check_request("SubmitJob", request)
    assert request == {
        "jobName": "bx-map-0123456789ab-1",
        "jobQueue": "queue",
        "jobDefinition": DEFINITION,
        "containerOverrides": {
            "command": COMMAND,
            "resourceRequirements": [
                {"type": "VCPU", "value": "4"},
                {"type": "MEMORY", "value": "8192"},
                {"type": "GPU", "value": "1"},
            ],
        },
        "propagateTags": True,
        "tags": {"cost": "lab 7"},
        "timeout": {"attemptDurationSeconds": 3600},
    }


def test_without_a_time_limit_none_is_sent(check_request: CheckRequest) -> None:
    request = plan(BatchResources(1, 512))
    check_request("SubmitJob", request)
    assert "timeout" not in request
