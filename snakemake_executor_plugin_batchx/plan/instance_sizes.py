"""How large the instances of a queue can be, and what of a job finds no room on any of them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

RESERVED_MIB = 32
"""What the ECS agent keeps of an instance's memory with AWS's own images
(https://docs.aws.amazon.com/batch/latest/userguide/ecs-reserved-memory.html). The kernel keeps
more, how much depends on the type: what needs all but this surely finds no room."""

BUNDLES = MappingProxyType(
    {
        "optimal": ("c*", "m*", "r*"),
        "default_x86_64": ("c*", "m*", "r*"),
        "default_arm64": ("c*", "m*", "r*"),
    }
)
"""What stands for instance types of Batch's choice, as EC2's filter `instance-type` takes it.

All are of the families C, M and R; which generations these are changes with time
(https://docs.aws.amazon.com/batch/latest/userguide/instance-type-compute-table.html and
optimal-default-instance-troubleshooting.html), so all generations count.
"""

BUNDLE_FAMILY = re.compile(r"[cmr]\d")
"""How families C, M and R begin: a `mac` is none of them (https://docs.aws.amazon.com/ec2/latest/
instancetypes/instance-type-names.html)."""


@dataclass(frozen=True)
class InstanceSize:
    """An instance type: its vCPUs, memory in MiB, and GPUs."""

    name: str
    vcpus: float
    memory_mib: int
    gpus: int = 0

    @property
    def job_memory_mib(self) -> int:
        """What of its memory jobs can have at most."""
        return self.memory_mib - RESERVED_MIB

    def has_room(self, vcpus: float, memory_mib: float, gpus: float) -> bool:
        """Tell whether a job may fit."""
        return self.vcpus >= vcpus and self.job_memory_mib >= memory_mib and self.gpus >= gpus


SMALL = InstanceSize("small", 2, 4096)
"""What nearly every type has: nobody is asked about types for jobs that fit there."""

IN_EVERY_BUNDLE = InstanceSize("bundle", 64, 240 * 1024)
"""What every bundle has in one type, of whichever generation (m4.16xlarge, m5.16xlarge,
m6g.16xlarge, m6i.16xlarge, m7i.16xlarge: 64 vCPU and 256 GiB)."""


@dataclass(frozen=True)
class Shortage:
    """What a job asks for that no type has, what the largest has, and what would have to go down.

    "128 vCPU", "the largest instance type of queue q is m5.4xlarge with 16 vCPU", "threads".
    """

    asked: str
    largest: str
    setting: str


@dataclass(frozen=True)
class _Dimension:
    setting: str
    measure: Callable[[InstanceSize], float]
    tell: Callable[[float], str]
    tell_size: Callable[[InstanceSize], str]


def _tell_vcpus(count: float) -> str:
    return f"{count:g} vCPU"


def _tell_memory(mib: float) -> str:
    return f"{mib:.0f} MiB of memory"


def _tell_gpus(count: float) -> str:
    return f"{count:g} GPU" if count == 1 else f"{count:g} GPUs"


def _tell_job_memory(size: InstanceSize) -> str:
    return f"{size.job_memory_mib} MiB for jobs ({size.memory_mib} MiB, of which ECS keeps some)"


DIMENSIONS = (
    _Dimension("threads", lambda e: e.vcpus, _tell_vcpus, lambda e: _tell_vcpus(e.vcpus)),
    _Dimension("mem_mb", lambda e: e.job_memory_mib, _tell_memory, _tell_job_memory),
    _Dimension("gpu", lambda e: e.gpus, _tell_gpus, lambda e: _tell_gpus(e.gpus)),
)


def find_shortage(
    queue: str, vcpus: float, memory_mib: float, gpus: float, sizes: Sequence[InstanceSize]
) -> Shortage | None:
    """Return why a job fits no type of a queue; None where it fits one, or none is known."""
    if not sizes or any(size.has_room(vcpus, memory_mib, gpus) for size in sizes):
        return None
    wanted = dict(zip(DIMENSIONS, (vcpus, memory_mib, gpus), strict=True))
    for dimension, amount in wanted.items():
        largest = max(sizes, key=dimension.measure)
        if dimension.measure(largest) < amount:
            return Shortage(
                dimension.tell(amount),
                f"the largest instance type of queue {queue} is {largest.name} with "
                f"{dimension.tell_size(largest)}",
                dimension.setting,
            )
    asked = [dimension.tell(amount) for dimension, amount in wanted.items() if amount]
    settings = [dimension.setting for dimension, amount in wanted.items() if amount]
    return Shortage(
        f"{', '.join(asked[:-1])} and {asked[-1]}",
        f"no instance type of queue {queue} has all of that at once",
        f"{', '.join(settings[:-1])} or {settings[-1]}",
    )


def is_worth_asking(types: Iterable[str], vcpus: float, memory_mib: float, gpus: float) -> bool:
    """Tell whether a job of this size may find no room on these types, or families, or bundles."""
    has_bundle = any(name in BUNDLES for name in types)
    return not (IN_EVERY_BUNDLE if has_bundle else SMALL).has_room(vcpus, memory_mib, gpus)


def make_type_patterns(name: str) -> tuple[str, ...]:
    """Return what a name in a compute environment's instanceTypes stands for, as EC2's filter.

    It may be a type, a family or a bundle (API_ComputeResource, instanceTypes).
    """
    return BUNDLES.get(name, (name if "." in name else f"{name}.*",))
