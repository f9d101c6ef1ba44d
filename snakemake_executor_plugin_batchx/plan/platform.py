"""What a job queue runs jobs on, from what Batch tells of it and of its compute environments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from snakemake_executor_plugin_batchx.plan.architecture import Architecture, find_architecture
from snakemake_executor_plugin_batchx.plan.gpu_models import find_gpu_models
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize

EC2_TYPES = frozenset({"EC2", "SPOT"})
FARGATE_TYPES = frozenset({"FARGATE", "FARGATE_SPOT"})

LOCAL_RUNNER_TAG = "batchx:local-runner"
"""The tag by which the queue of an embedded Batch says how its jobs run (local/account.py)."""

REFUSED_TYPES = {
    "ECS_MANAGED_INSTANCES": "ECS Managed Instances",
    "EKS": "EKS",
    "SAGEMAKER_TRAINING": "SageMaker",
}
"""Kinds of queues (API_JobQueueDetail, jobQueueType) and of compute environments
(API_ComputeResource, type) that batchx cannot run jobs on, as users know them."""


@dataclass(frozen=True)
class Platform:
    """What planning has to know of a queue.

    `architecture` is None where jobs choose it (Fargate), `gpu_models` where nobody can tell.
    `local_runner` says how an embedded Batch runs jobs, None of AWS's own queues. `max_vcpus` is
    what the largest compute environment may have, `instance_sizes` are the types that all of them
    together may start, largest first; None where that is not known. `environment_types` are those
    of its compute environments (EC2, SPOT, FARGATE, FARGATE_SPOT), for who wants to know the price.
    """

    queue: str
    is_fargate: bool = False
    architecture: Architecture | None = "amd64"
    has_policy: bool = False
    gpu_models: frozenset[str] | None = None
    local_runner: Literal["process", "docker"] | None = None
    max_vcpus: float | None = None
    # Of one queue always the same, and of some hundreds: jobs are grouped by their platforms.
    instance_sizes: tuple[InstanceSize, ...] | None = field(default=None, compare=False)
    environment_types: tuple[str, ...] = field(default=(), compare=False)

    @property
    def kind(self) -> str:
        """What users call it."""
        return "Fargate" if self.is_fargate else "EC2"


def interpret_queue(
    queue: str, detail: Mapping[str, Any], environments: Sequence[Mapping[str, Any]]
) -> Platform:
    """Return what a queue is, from DescribeJobQueues and DescribeComputeEnvironments.

    `queue` is what the user calls it. One queue has either EC2 or Fargate environments
    (https://docs.aws.amazon.com/batch/latest/userguide/job_queue_compute_environment_order.html).
    """
    is_fargate = any(find_type(each) in FARGATE_TYPES for each in environments)
    return Platform(
        queue=queue,
        is_fargate=is_fargate,
        architecture=None if is_fargate else find_architecture(environments),
        has_policy=bool(detail.get("schedulingPolicyArn")),
        gpu_models=_find_gpu_models(environments),
        local_runner=detail.get("tags", {}).get(LOCAL_RUNNER_TAG),
        max_vcpus=_find_max_vcpus(environments),
        environment_types=tuple(dict.fromkeys(map(find_type, environments))),
    )


def find_type(environment: Mapping[str, Any]) -> str:
    """Return the type of a compute environment; one that its owner manages has EC2 instances."""
    if environment.get("containerOrchestrationType", "ECS") == "EKS":
        return "EKS"
    return str(environment.get("computeResources", {}).get("type", "EC2"))


def _find_gpu_models(environments: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the GPUs of all instance types together; None where one environment hides its own."""
    if any("computeResources" not in each for each in environments):
        return None
    return find_gpu_models(
        name
        for environment in environments
        for name in environment["computeResources"].get("instanceTypes", ())
    )


def _find_max_vcpus(environments: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the largest maxvCpus; of an environment that its owner manages nobody knows it."""
    found = [each.get("computeResources", {}).get("maxvCpus") for each in environments]
    known = [float(each) for each in found if each is not None]
    return max(known) if known and len(known) == len(found) else None


def find_instance_types(environments: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the types, families and bundles that compute environments may start together.

    None where one environment hides its own, or has no instances (Fargate).
    """
    found = [each.get("computeResources", {}).get("instanceTypes") for each in environments]
    if not all(found):
        return None
    return frozenset(name for names in found for name in names or ())
