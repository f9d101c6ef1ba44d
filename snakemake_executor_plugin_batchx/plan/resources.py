"""What a job asks of Batch, from Snakemake's resources."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError

DEFAULT_MEMORY_MIB = 2048
"""For a rule that names no memory at all."""

RUNTIME_OVERHEAD_MIB = 256
"""Added to a rule's memory for what runs beside its tool: the job's Snakemake and its transfers."""

MIN_TIMEOUT_SECONDS = 60
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_JobTimeout.html"""

MIB_PER_MB = 1000 * 1000 / (1024 * 1024)


@dataclass(frozen=True)
class BatchResources:
    """vCPUs, memory (MiB, overhead included), GPUs and time limit (seconds) of a job."""

    vcpus: int
    memory_mib: int
    gpus: int = 0
    timeout_seconds: int | None = None

    def __str__(self) -> str:
        gpus = f"{self.gpus} GPU, " if self.gpus else ""
        return (
            f"{self.vcpus} vCPU, {gpus}{self.memory_mib} MiB ({RUNTIME_OVERHEAD_MIB} of them for "
            "batchx itself)"
        )

    def make_requirements(self) -> list[dict[str, str]]:
        """Return the `resourceRequirements` of a container, values as text as Batch wants them.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
        """
        wanted = {"VCPU": self.vcpus, "MEMORY": self.memory_mib, "GPU": self.gpus}
        return [{"type": kind, "value": str(value)} for kind, value in wanted.items() if value]


def plan_resources(
    resources: Mapping[str, Any], label: str, default_memory_mib: int | None = None
) -> BatchResources:
    """Turn `threads`, `mem_mib`/`mem_mb`, `gpu` and `runtime` (minutes) into Batch's terms.

    `default_memory_mib` is what a job definition of the user's own gives a rule that names none.
    Raises BatchxError for a value that is no positive number.
    """
    threads = _take_number(resources, "_cores", label) or 1
    minutes = _take_number(resources, "runtime", label)
    memory_mib = default_memory_mib or DEFAULT_MEMORY_MIB + RUNTIME_OVERHEAD_MIB
    named_mib = _find_memory_mib(resources, label)
    if named_mib is not None:
        memory_mib = math.ceil(named_mib) + RUNTIME_OVERHEAD_MIB
    return BatchResources(
        vcpus=math.ceil(threads),
        memory_mib=memory_mib,
        gpus=math.ceil(_take_number(resources, "gpu", label) or 0),
        timeout_seconds=None if minutes is None else max(MIN_TIMEOUT_SECONDS, round(minutes * 60)),
    )


def _find_memory_mib(resources: Mapping[str, Any], label: str) -> float | None:
    mem_mib = _take_number(resources, "mem_mib", label)
    mem_mb = _take_number(resources, "mem_mb", label)
    if mem_mib is None and mem_mb is not None:
        return mem_mb * MIB_PER_MB
    return mem_mib


def _take_number(resources: Mapping[str, Any], name: str, label: str) -> float | None:
    value = resources.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0 or (value == 0 and name != "gpu"):
        shown = "threads" if name == "_cores" else name
        raise BatchxError(f"{label}: resource {shown}={value!r} must be a positive number.")
    return float(value)
