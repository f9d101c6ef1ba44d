"""What is asked before the first submission, and how it is told."""

from collections.abc import Sequence
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.aws.preflight import list_queue_problems
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
    assert list_queue_problems(Describer(QUEUE, EC2), "q", "eu-west-1") == []


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
    (problem,) = list_queue_problems(Describer(queue, environment), "q", "eu-west-1")
    assert problem.startswith(expected)


def test_refusal_by_aws_is_passed_on() -> None:
    class Refusing(Describer):
        def describe_queue(self, _: str) -> dict[str, Any] | None:
            raise BatchxError("AWS refuses batch:DescribeJobQueues.")

    problems = list_queue_problems(Refusing(None, EC2), "q", "eu-west-1")
    assert problems == ["AWS refuses batch:DescribeJobQueues."]
