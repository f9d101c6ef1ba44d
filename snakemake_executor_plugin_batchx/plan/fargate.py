"""What a task on Fargate can have: pairs of vCPU and memory, and room on its disk."""

import math
from dataclasses import dataclass
from types import MappingProxyType

from snakemake_executor_plugin_batchx.plan.values import WrongValueError

MIB_PER_GIB = 1024


def _list_mib(first_gib: int, last_gib: int, step_gib: int = 1) -> tuple[int, ...]:
    return tuple(gib * MIB_PER_GIB for gib in range(first_gib, last_gib + 1, step_gib))


FARGATE_MEMORY_MIB = MappingProxyType(
    {
        0.25: (512, 1024, 2048),
        0.5: _list_mib(1, 4),
        1.0: _list_mib(2, 8),
        2.0: _list_mib(4, 16),
        4.0: _list_mib(8, 30),
        8.0: _list_mib(16, 60, 4),
        16.0: _list_mib(32, 120, 8),
        32.0: (61_440, 122_880, 249_856),
    }
)
"""Fargate's vCPU values and the memory (MiB) each may have, both ascending.

https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html; whether every
region has 32 vCPU could not be verified.
"""

DEFAULT_STORAGE_GIB = 20
"""What every task has (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
fargate-task-storage.html), its image included."""

MAX_STORAGE_GIB = 200
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_EphemeralStorage.html"""


@dataclass(frozen=True)
class FargateSize:
    """A pair that Fargate has: vCPUs, and memory in MiB."""

    vcpus: float
    memory_mib: int


def fit_fargate(vcpus: float, memory_mib: float) -> FargateSize:
    """Return the smallest pair with at least so many vCPUs and so much memory (MiB).

    vCPUs count first: of the pairs that suffice, it has the fewest, and with these the least
    memory. Raises WrongValueError where none suffices.
    """
    for legal_vcpus, memories in FARGATE_MEMORY_MIB.items():
        for legal_mib in memories:
            if legal_vcpus >= vcpus and legal_mib >= memory_mib:
                return FargateSize(legal_vcpus, legal_mib)
    most_vcpus = max(FARGATE_MEMORY_MIB)
    most_mib = max(FARGATE_MEMORY_MIB[most_vcpus])
    raise WrongValueError(
        f"asks for {vcpus:,g} vCPU and {memory_mib:,.15g} MiB of memory, more than a task on "
        f"Fargate can have: {most_vcpus:g} vCPU and {most_mib:,} MiB are the most, so name a queue "
        "of EC2 instances"
    )


def plan_storage_gib(disk_mib: float | None) -> int | None:
    """Return `ephemeralStorage.sizeInGiB` for a job that needs `disk_mib` (MiB) of disk.

    None where what every task has is enough. Raises WrongValueError for more than Fargate has.
    """
    if disk_mib is None or disk_mib <= DEFAULT_STORAGE_GIB * MIB_PER_GIB:
        return None
    if not disk_mib <= MAX_STORAGE_GIB * MIB_PER_GIB:
        raise WrongValueError(
            f"asks for {disk_mib:,.15g} MiB of disk, more than a task on Fargate can have: "
            f"{MAX_STORAGE_GIB} GiB ({MAX_STORAGE_GIB * MIB_PER_GIB:,} MiB) is the most, so name a "
            "queue of EC2 instances"
        )
    return math.ceil(disk_mib / MIB_PER_GIB)
