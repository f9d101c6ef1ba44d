"""What is asked before the first submission, and how it is told."""

from collections.abc import Sequence
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.aws.preflight import inspect_queue
from snakemake_executor_plugin_batchx.errors import BatchxError

QUEUE = {
    "jobQueueName": "q",
    "state": "ENABLED",
    "status": "VALID",
    "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "arn:ce"}],
}
EC2 = {"computeResources": {"type": "SPOT"}, "containerOrchestrationType": "ECS"}


class Describer:
    def __init__(self, queue: dict[str, Any] | None, environment: dict[str, Any]) -> None:
        self.queue, self.environment = queue, environment

    def describe_queue(self, _: str) -> dict[str, Any] | None:
        return self.queue

    def describe_compute_environments(self, arns: Sequence[str]) -> list[dict[str, Any]]:
        return [self.environment for _ in arns]


def test_sound_queue_has_no_problem() -> None:
    report = inspect_queue(Describer(QUEUE, EC2), "q", "eu-west-1")
    assert (report.problems, report.architecture, report.local_runner) == ((), "amd64", None)


def test_a_queue_tells_its_architecture_and_an_embedded_one_its_runner() -> None:
    graviton = {"computeResources": {"type": "EC2", "instanceTypes": ["m7g.large", "c7gn"]}}
    queue = QUEUE | {"tags": {"batchx:local-runner": "process"}}
    report = inspect_queue(Describer(queue, graviton), "q", "eu-west-1")
    assert (report.problems, report.architecture, report.local_runner) == ((), "arm64", "process")


@pytest.mark.parametrize(
    ("queue", "environment", "expected"),
    [
        (None, EC2, "Job queue q does not exist in region eu-west-1"),
        (QUEUE | {"state": "DISABLED"}, EC2, "Job queue q is DISABLED: enable it"),
        (
            QUEUE | {"status": "INVALID", "statusReason": "no subnet"},
            EC2,
            "Job queue q is INVALID (no subnet)",
        ),
        (QUEUE, {"computeResources": {"type": "FARGATE"}}, "Job queue q is on FARGATE"),
        (QUEUE, {"containerOrchestrationType": "EKS"}, "Job queue q is on EKS"),
    ],
)
def test_each_problem_is_a_sentence(
    queue: dict[str, Any] | None, environment: dict[str, Any], expected: str
) -> None:
    (problem,) = inspect_queue(Describer(queue, environment), "q", "eu-west-1").problems
    assert problem.startswith(expected)


def test_refusal_by_aws_is_passed_on() -> None:
    class Refusing(Describer):
        def describe_queue(self, _: str) -> dict[str, Any] | None:
            raise BatchxError("AWS refuses batch:DescribeJobQueues.")

    report = inspect_queue(Refusing(None, EC2), "q", "eu-west-1")
    assert report.problems == ("AWS refuses batch:DescribeJobQueues.",)
