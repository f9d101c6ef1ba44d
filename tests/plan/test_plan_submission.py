"""SubmitJob requests: exactly what is asked of AWS."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.plan.retries import make_retry_strategy
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission

CheckRequest = Callable[[str, Mapping[str, Any]], None]

EC2 = Platform("queue")
FARGATE = Platform("serverless", is_fargate=True, architecture=None)

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


def plan(
    resources: BatchResources,
    options: JobOptions = NO_OPTIONS,
    size: int = 1,
    platform: Platform = EC2,
) -> dict[str, Any]:
    return plan_submission(
        name="bx-map-0123456789ab-1",
        definition_arn=DEFINITION,
        command=make_job_command("/batchx/bin/python", "eu-west-1", URL),
        request=JobRequest(platform, resources, options),
        tags={"cost": "lab 7"},
        size=size,
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
    unsaid = {"retryStrategy", "shareIdentifier", "schedulingPriorityOverride", "arrayProperties"}
    assert not unsaid & set(request)


def test_an_array_is_told_its_size(check_request: CheckRequest) -> None:
    request = plan(BatchResources(1, 512), size=7)
    check_request("SubmitJob", request)
    assert request["arrayProperties"] == {"size": 7}


def test_what_a_job_says_instead_of_its_definition(check_request: CheckRequest) -> None:
    options = JobOptions(
        share="projectA",
        priority=0,
        retries=0,
        tags=(("cost", "their own"), ("owner", "me")),
    )
    request = plan(BatchResources(0.25, 512), options, platform=FARGATE)
    check_request("SubmitJob", request)
    assert request["jobQueue"] == "serverless"
    assert request["shareIdentifier"] == "projectA"
    assert request["schedulingPriorityOverride"] == 0
    assert request["retryStrategy"] == make_retry_strategy(0)
    assert request["retryStrategy"]["attempts"] == 1
    # What batchx tells jobs apart by is never the user's to say.
    assert request["tags"] == {"cost": "lab 7", "owner": "me"}
    requirements = request["containerOverrides"]["resourceRequirements"]
    assert requirements[0] == {"type": "VCPU", "value": "0.25"}


@pytest.mark.parametrize(
    "options",
    [
        JobOptions(job_role="arn:aws:iam::123456789012:role/r", log_group="g", arch="arm64"),
        JobOptions(secrets=(("A", "/token"),), consumables=(("token", 1),), public_ip=True),
        JobOptions(queue="asked for", fallback_queue="other", image="i", array=False),
    ],
)
def test_what_a_definition_or_a_plan_says_is_not_said_again(options: JobOptions) -> None:
    resources = BatchResources(1, 512, storage_gib=30, disk_mib=100)
    assert plan(resources, options) == plan(BatchResources(1, 512))
