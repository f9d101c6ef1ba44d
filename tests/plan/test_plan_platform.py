"""What a queue is, from what Batch tells of it, and why one cannot run our jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.platform import (
    LOCAL_RUNNER_TAG,
    Platform,
    interpret_queue,
    list_queue_problems,
)

QUEUE = {"jobQueueName": "q", "state": "ENABLED", "status": "VALID"}
EC2 = {"computeResources": {"type": "SPOT"}, "containerOrchestrationType": "ECS"}
FARGATE = {"computeResources": {"type": "FARGATE"}, "containerOrchestrationType": "ECS"}
FARGATE_SPOT = {"computeResources": {"type": "FARGATE_SPOT"}}
EKS = {"containerOrchestrationType": "EKS", "computeResources": {"type": "EC2"}}
UNMANAGED = {"type": "UNMANAGED", "containerOrchestrationType": "ECS"}
ELSEWHERE = "where batchx cannot run jobs: name a queue on EC2, EC2 Spot, Fargate or Fargate Spot."


def make_environment(kind: str, *instance_types: str) -> dict[str, Any]:
    return {"computeResources": {"type": kind, "instanceTypes": list(instance_types)}}


@pytest.mark.parametrize(
    ("detail", "environments", "platform"),
    [
        (QUEUE, [EC2], Platform("q")),
        (QUEUE, [UNMANAGED], Platform("q")),
        (QUEUE, [FARGATE], Platform("q", is_fargate=True, architecture=None)),
        (QUEUE, [FARGATE_SPOT], Platform("q", is_fargate=True, architecture=None)),
        (QUEUE, [FARGATE, FARGATE_SPOT], Platform("q", is_fargate=True, architecture=None)),
        (
            QUEUE,
            [make_environment("EC2", "optimal"), make_environment("SPOT", "m5", "c5.large")],
            Platform("q", gpu_models=frozenset()),
        ),
        (
            QUEUE,
            [make_environment("EC2", "m7g.large", "c7gn")],
            Platform("q", architecture="arm64", gpu_models=frozenset()),
        ),
        (
            QUEUE,
            [make_environment("EC2", "m5"), make_environment("SPOT", "g5.xlarge", "p4d")],
            Platform("q", gpu_models=frozenset({"NVIDIA A10G", "NVIDIA A100 40GB"})),
        ),
        # Nobody can tell what an environment has that its owner manages.
        (QUEUE, [make_environment("EC2", "m5"), UNMANAGED], Platform("q")),
        (
            QUEUE | {"schedulingPolicyArn": "arn:aws:batch:…:scheduling-policy/fair"},
            [EC2],
            Platform("q", has_policy=True),
        ),
        (
            QUEUE | {"tags": {LOCAL_RUNNER_TAG: "process", "team": "7"}},
            [EC2],
            Platform("q", local_runner="process"),
        ),
    ],
)
def test_what_a_queue_is_said_to_be(
    detail: Mapping[str, Any], environments: Sequence[Mapping[str, Any]], platform: Platform
) -> None:
    assert interpret_queue("q", detail, environments) == platform
    assert list_queue_problems("q", detail, environments) == []


def test_a_queue_is_called_what_the_user_calls_it() -> None:
    arn = "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
    assert interpret_queue(arn, QUEUE, [EC2]).queue == arn


def test_users_know_two_kinds() -> None:
    assert (Platform("q").kind, Platform("q", is_fargate=True).kind) == ("EC2", "Fargate")


@pytest.mark.parametrize(
    ("detail", "environment", "expected"),
    [
        (
            QUEUE | {"state": "DISABLED"},
            EC2,
            "Job queue q is DISABLED: enable it, or name another.",
        ),
        (
            QUEUE | {"status": "INVALID", "statusReason": "no subnet"},
            EC2,
            "Job queue q is INVALID (no subnet): mend it, or name another.",
        ),
        (
            QUEUE | {"status": "DELETING"},
            EC2,
            "Job queue q is DELETING (no reason given): mend it, or name another.",
        ),
        (QUEUE, EKS, f"Job queue q is on EKS, {ELSEWHERE}"),
        (QUEUE | {"jobQueueType": "EKS"}, EKS, f"Job queue q is on EKS, {ELSEWHERE}"),
        (
            QUEUE,
            make_environment("ECS_MANAGED_INSTANCES"),
            f"Job queue q is on ECS Managed Instances, {ELSEWHERE}",
        ),
        (QUEUE, make_environment("NEW_THING"), f"Job queue q is on NEW_THING, {ELSEWHERE}"),
    ],
)
def test_each_problem_is_a_sentence(
    detail: Mapping[str, Any], environment: Mapping[str, Any], expected: str
) -> None:
    assert list_queue_problems("Job queue q", detail, [environment]) == [expected]


def test_a_queue_for_training_is_refused_though_it_has_no_compute_environment() -> None:
    detail = QUEUE | {"jobQueueType": "SAGEMAKER_TRAINING", "computeEnvironmentOrder": []}
    problems = list_queue_problems("Job queue q (who asks)", detail, [])
    assert problems == [f"Job queue q (who asks) is on SageMaker, {ELSEWHERE}"]


@pytest.mark.parametrize("kind", ["ECS", "ECS_FARGATE", ""])
def test_the_kinds_of_queue_that_batch_names_are_known(kind: str) -> None:
    assert list_queue_problems("Job queue q", QUEUE | {"jobQueueType": kind}, [EC2]) == []
