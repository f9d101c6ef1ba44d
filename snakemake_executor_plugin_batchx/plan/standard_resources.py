"""What rules say beside the table of options (plan/options.py), and what becomes of it on Batch.

Snakemake's own resources, which `read_demand` (plan/resources.py) reads, and the one that is about
inputs (plan/cache_folder.py). Of these the reference in the documentation is made, as of options.
"""

from dataclasses import dataclass

from snakemake_executor_plugin_batchx.plan.cache_folder import CACHE_RESOURCE
from snakemake_executor_plugin_batchx.plan.fargate import DEFAULT_STORAGE_GIB
from snakemake_executor_plugin_batchx.plan.options import BOTH, EC2
from snakemake_executor_plugin_batchx.plan.resources import DEFAULT_MEMORY_MIB, MIN_TIMEOUT_SECONDS


@dataclass(frozen=True)
class ResourceRow:
    """A row of the reference, with the columns of an Option.

    `field` is the one of Demand that the resource fills; None where others read it. `goes_to` is
    empty where nothing of it reaches Batch's API.
    """

    resource: str
    kind: str
    goes_to: str
    where: str
    default: str
    example: str
    meaning: str
    field: str | None = None
    flag: str | None = None


STANDARD_RESOURCES = (
    ResourceRow(
        "threads",
        "number",
        "containerOverrides.resourceRequirements VCPU",
        BOTH,
        "1",
        "threads: 8",
        "vCPUs, rounded up; with 1, a job definition of your own may give more",
        "threads",
    ),
    ResourceRow(
        "mem_mb",
        "MB; as `mem_mib` in MiB, as `mem` a text such as '16 GB'",
        "containerOverrides.resourceRequirements MEMORY",
        BOTH,
        f"{DEFAULT_MEMORY_MIB:,} MiB",
        "mem_mb=16000",
        "memory; what `batchx_memory_overhead` says is added to it",
        "memory_mib",
    ),
    ResourceRow(
        "disk_mb",
        "MB; as `disk_mib` in MiB, as `disk` a text such as '50 GB'",
        "containerProperties.ephemeralStorage.sizeInGiB (Fargate)",
        BOTH,
        f"not looked at; {DEFAULT_STORAGE_GIB} GiB on Fargate",
        "disk_mb=50000",
        "what the job needs: on Fargate its disk becomes so large, on EC2 so much must be free "
        "where it works, or it fails before it fetches anything",
        "disk_mib",
    ),
    ResourceRow(
        "runtime",
        "minutes, or a text such as '2h'",
        "SubmitJob.timeout.attemptDurationSeconds",
        BOTH,
        "no limit",
        "runtime=120",
        f"time limit of each attempt, {MIN_TIMEOUT_SECONDS} seconds at least",
        "minutes",
    ),
    ResourceRow(
        "gpu",
        "number",
        "containerOverrides.resourceRequirements GPU",
        EC2,
        "0",
        "gpu=1",
        "GPUs",
        "gpus",
    ),
    ResourceRow(
        "gpu_model",
        "text",
        "",
        EC2,
        "any",
        "gpu_model='a100'",
        "compared with the GPUs of the queue's instance types; a queue that has others is refused",
        "gpu_model",
    ),
    ResourceRow(
        "tmpdir",
        "folder",
        "",
        BOTH,
        "a folder of the job's own",
        "tmpdir='/scratch'",
        "Snakemake sets TMPDIR, TMP, TEMP and TEMPDIR of the tool to it; it must be there",
    ),
)
"""Snakemake's own."""

INPUT_RESOURCES = (
    ResourceRow(
        CACHE_RESOURCE,
        "patterns of input names",
        "containerProperties.volumes, mountPoints",
        EC2,
        "none",
        f"{CACHE_RESOURCE}='ref/*'",
        "inputs that each host fetches once and keeps",
        flag="--batchx-host-cache-inputs",
    ),
)
"""About a rule's inputs: what OTHER_RESOURCES (plan/options.py) names."""
