"""Whether a queue can ever have room for a job."""

from collections.abc import Iterator

from snakemake_executor_plugin_batchx.plan.instance_sizes import find_shortage
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.resources import BatchResources


def iter_capacity_reasons(resources: BatchResources, platform: Platform) -> Iterator[str]:
    """Yield what of a job surely finds no room on a queue, ever: Batch would let it wait for good.

    https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable_misconfiguration.html
    """
    queue, most = platform.queue, platform.max_vcpus
    if most is not None and resources.vcpus > most:
        yield (
            f"it asks for {resources.vcpus:g} vCPU, but maxvCpus of the compute environments of "
            f"queue {queue} is {most:g} at most: lower threads, raise maxvCpus, or name another "
            "queue (batchx_queue)"
        )
        return
    shortage = find_shortage(
        queue,
        resources.vcpus,
        resources.memory_mib,
        resources.gpus,
        platform.instance_sizes or (),
    )
    if shortage is not None:
        yield (
            f"it asks for {shortage.asked}, but {shortage.largest}: lower {shortage.setting}, or "
            "name another queue (batchx_queue)"
        )
