"""Queues of each kind that a run can name, for tests that plan what jobs ask of them."""

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.platform import Platform

PLATFORMS = {
    each.queue: each
    for each in (
        Platform("ec2", gpu_models=frozenset()),
        Platform("arm", architecture="arm64"),
        Platform("fair", has_policy=True),
        Platform("gpu", gpu_models=frozenset({"NVIDIA T4"})),
        Platform("fargate", is_fargate=True, architecture=None),
        Platform("fair-fargate", is_fargate=True, architecture=None, has_policy=True),
        Platform("local", local_runner="docker"),
        Platform("limited", max_vcpus=32),
        Platform("sized", instance_sizes=(InstanceSize("m5.4xlarge", 16, 65_536),)),
    )
}


def find_platform(queue: str) -> Platform:
    if queue not in PLATFORMS:
        raise BatchxError(f"Job queue {queue} does not exist.")
    return PLATFORMS[queue]
