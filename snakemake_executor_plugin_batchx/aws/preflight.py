"""What must hold before the first job is submitted, asked once a run and told all together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.architecture import find_architecture

EC2_TYPES = frozenset({"EC2", "SPOT"})

LOCAL_RUNNER_TAG = "batchx:local-runner"
"""The tag by which the queue of an embedded Batch says how its jobs run (local/account.py)."""


class QueueDescriber(Protocol):
    """What the check needs of the Batch gateway."""

    def describe_queue(self, queue: str) -> dict[str, Any] | None:
        """Return a job queue, None where there is none."""

    def describe_compute_environments(self, arns: Sequence[str]) -> list[dict[str, Any]]:
        """Return compute environments by ARN."""


class ProbeStore(Protocol):
    """What the check needs of the S3 gateway."""

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object."""


@dataclass(frozen=True)
class QueueReport:
    """What a run has to know of its queue.

    `problems` are sentences, `architecture` is "amd64" or "arm64"; `local_runner` says how an
    embedded Batch runs jobs ("process", "docker"), None of AWS's own queues.
    """

    problems: tuple[str, ...]
    architecture: str = "amd64"
    local_runner: Literal["process", "docker"] | None = None


def inspect_queue(describer: QueueDescriber, queue: str, region: str) -> QueueReport:
    """Ask what the queue is like, and what keeps it from running our jobs."""
    try:
        detail = describer.describe_queue(queue)
        if detail is None:
            problem = (
                f"Job queue {queue} does not exist in region {region}: check --batchx-job-queue "
                "and --batchx-region."
            )
            return QueueReport((problem,))
        arns = [item["computeEnvironment"] for item in detail["computeEnvironmentOrder"]]
        environments = describer.describe_compute_environments(arns) if arns else []
    except BatchxError as error:
        return QueueReport((str(error),))
    return QueueReport(
        problems=(*_judge_queue(detail), *_judge_environments(environments, queue)),
        architecture=find_architecture(environments),
        local_runner=detail.get("tags", {}).get(LOCAL_RUNNER_TAG),
    )


def _judge_queue(detail: dict[str, Any]) -> list[str]:
    name = detail["jobQueueName"]
    if detail["state"] != "ENABLED":
        return [f"Job queue {name} is {detail['state']}: enable it, or name another."]
    if detail.get("status", "VALID") != "VALID":
        why = detail.get("statusReason", "no reason given")
        return [f"Job queue {name} is {detail['status']} ({why}): mend it, or name another."]
    return []


def _judge_environments(environments: list[dict[str, Any]], queue: str) -> list[str]:
    problems = []
    for environment in environments:
        kind = environment.get("computeResources", {}).get("type", "EC2")
        if environment.get("containerOrchestrationType", "ECS") != "ECS":
            problems.append(f"Job queue {queue} is on EKS, where batchx cannot run jobs.")
        elif kind not in EC2_TYPES:
            problems.append(
                f"Job queue {queue} is on {kind}, where batchx cannot run jobs: name a queue on "
                "EC2 or EC2 Spot."
            )
    return sorted(set(problems))


def list_root_problems(store: ProbeStore, key: str, note: dict[str, str]) -> list[str]:
    """Return a sentence where the S3 root cannot be written; leaves `note` at `key`."""
    try:
        store.write_bytes(key, json.dumps(note).encode())
    except BatchxError as error:
        return [str(error)]
    return []
