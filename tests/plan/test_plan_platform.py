"""What a queue is, from what Batch tells of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.platform import (
    LOCAL_RUNNER_TAG,
    Platform,
    interpret_queue,
)

QUEUE = {"jobQueueName": "q", "state": "ENABLED", "status": "VALID"}
EC2 = {"computeResources": {"type": "SPOT"}, "containerOrchestrationType": "ECS"}
FARGATE = {"computeResources": {"type": "FARGATE"}, "containerOrchestrationType": "ECS"}
FARGATE_SPOT = {"computeResources": {"type": "FARGATE_SPOT"}}
UNMANAGED = {"type": "UNMANAGED", "containerOrchestrationType": "ECS"}


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


def test_a_queue_is_called_what_the_user_calls_it() -> None:
    arn = "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
    assert interpret_queue(arn, QUEUE, [EC2]).queue == arn


def test_users_know_two_kinds() -> None:
    assert (Platform("q").kind, Platform("q", is_fargate=True).kind) == ("EC2", "Fargate")
