"""What a job asks of Batch, from Snakemake's own resources."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from snakemake_executor_plugin_batchx.plan.fargate import fit_fargate, plan_storage_gib
from snakemake_executor_plugin_batchx.plan.gpu_models import is_gpu_model_there
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.values import Problems, WrongValueError

DEFAULT_MEMORY_MIB = 2048
"""For a rule that names no memory at all."""

DEFAULT_OVERHEAD_MIB = 256
"""Added to a rule's memory for what runs beside its tool: the job's Snakemake and its transfers."""

MIN_TIMEOUT_SECONDS = 60
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_JobTimeout.html"""

LEAST_MEMORY_MIB = 4
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html"""

MOST_NUMBER = 2**31 - 1
"""Batch's numbers have 32 bits (https://docs.aws.amazon.com/batch/latest/APIReference/
API_ContainerDetail.html, Integer)."""

MOST_MINUTES = MOST_NUMBER // 60

NOT_KNOWN = "<TBD>"
"""How Snakemake marks what it can tell only once inputs are there
(snakemake/common/tbdstring.py)."""

MIB_PER_MB = 1000 * 1000 / (1024 * 1024)


@dataclass(frozen=True)
class Demand:
    """What a rule names in Snakemake's terms, in Batch's units; None where it names nothing.

    `threads` is always there: Snakemake takes 1 where a rule names none.
    """

    threads: float = 1
    memory_mib: float | None = None
    disk_mib: float | None = None
    minutes: float | None = None
    gpus: float | None = None
    gpu_model: str | None = None


NO_DEMAND = Demand()


@dataclass(frozen=True)
class Template:
    """What a job definition of the user's own asks for, where the rule names nothing."""

    vcpus: float | None = None
    memory_mib: int | None = None
    gpus: int | None = None


NO_TEMPLATE = Template()


@dataclass(frozen=True)
class BatchResources:
    """vCPUs, memory (MiB, overhead included), GPUs and time limit (seconds) of a job.

    `storage_gib` is Fargate's, `disk_mib` what must be free where an EC2 job works.
    """

    vcpus: float
    memory_mib: int
    gpus: int = 0
    timeout_seconds: int | None = None
    overhead_mib: int = 0
    storage_gib: int | None = None
    disk_mib: int | None = None

    def __str__(self) -> str:
        gpus = f"{self.gpus} GPU, " if self.gpus else ""
        storage = f", {self.storage_gib} GiB of storage" if self.storage_gib else ""
        own = f" ({self.overhead_mib} of them for batchx itself)" if self.overhead_mib else ""
        return f"{self.vcpus:g} vCPU, {gpus}{self.memory_mib} MiB{own}{storage}"

    def make_requirements(self) -> list[dict[str, str]]:
        """Return the `resourceRequirements` of a container, values as text as Batch wants them.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
        """
        wanted = {"VCPU": self.vcpus, "MEMORY": self.memory_mib, "GPU": self.gpus}
        return [{"type": kind, "value": f"{n:.10g}"} for kind, n in wanted.items() if n]


def read_demand(resources: Mapping[str, Any], label: str) -> Demand:
    """Read `threads` (as `_cores`), memory, disk, `runtime`, `gpu` and `gpu_model`.

    Snakemake brings `mem` and `disk` to `mem_mb` and `disk_mb` and adds `…_mib`, and `runtime` to
    minutes (snakemake/resources.py). Raises BatchxError with a sentence for each wrong one.
    """
    problems = Problems(label)

    def take(name: str) -> float | None:
        with problems:
            return _take_number(resources, name)
        return None

    gpu_model = resources.get("gpu_model")
    if gpu_model is not None and not (gpu_model and isinstance(gpu_model, str)):
        problems.add_reasons([f"resource gpu_model={gpu_model!r} must be a text such as 'a100'"])

    def take_size(name: str) -> float | None:
        with problems:
            # Snakemake makes one of the other: a wrong one is told once.
            megabytes = _take_number(resources, f"{name}_mb")
            mib = _take_number(resources, f"{name}_mib")
            return megabytes * MIB_PER_MB if mib is None and megabytes is not None else mib
        return None

    demand = Demand(
        threads=take("_cores") or 1,
        memory_mib=take_size("mem"),
        disk_mib=take_size("disk"),
        minutes=take("runtime"),
        gpus=take("gpu"),
        gpu_model=gpu_model,
    )
    problems.raise_all()
    return demand


def plan_resources(
    demand: Demand,
    platform: Platform,
    overhead_mib: int = DEFAULT_OVERHEAD_MIB,
    template: Template = NO_TEMPLATE,
) -> tuple[BatchResources, list[str]]:
    """Return what is asked of Batch, and what was rounded on the way, for the user to know.

    Where a rule names nothing, what a definition of the user's own gives counts; 1 thread is what
    Snakemake says of a rule that names none. Raises WrongValueError where the platform has no such
    thing.
    """
    memory_mib, own_mib = _plan_memory(demand, overhead_mib, template)
    vcpus = math.ceil(demand.threads)
    seconds = None if demand.minutes is None else math.ceil(round(demand.minutes * 60, 6))
    resources = BatchResources(
        vcpus=template.vcpus if vcpus == 1 and template.vcpus else vcpus,
        memory_mib=memory_mib,
        gpus=math.ceil(demand.gpus or 0) if demand.gpus is not None else template.gpus or 0,
        timeout_seconds=None if seconds is None else max(MIN_TIMEOUT_SECONDS, seconds),
        overhead_mib=own_mib,
        disk_mib=None if demand.disk_mib is None else math.ceil(demand.disk_mib),
    )
    notes = []
    if seconds is not None and seconds < MIN_TIMEOUT_SECONDS:
        notes.append(f"runtime of {seconds} s becomes {MIN_TIMEOUT_SECONDS} s, the least on Batch")
    reasons = _list_gpu_reasons(resources, demand.gpu_model, platform)
    if demand.gpus == 0 and template.gpus:
        reasons.append("gpu=0 cannot take away the GPU of its job definition: name another")
    if reasons:
        raise WrongValueError(*reasons)
    if platform.is_fargate:
        resources, rounded = _fit_fargate(resources)
        notes += rounded
    return resources, notes


def _plan_memory(demand: Demand, overhead_mib: int, template: Template) -> tuple[int, int]:
    """Return the memory limit, and how much of it is overhead."""
    if demand.memory_mib is None and template.memory_mib:
        return template.memory_mib, 0
    named = DEFAULT_MEMORY_MIB if demand.memory_mib is None else math.ceil(demand.memory_mib)
    if named + overhead_mib < LEAST_MEMORY_MIB:
        raise WrongValueError(
            f"mem_mb is {named} MiB with an overhead of {overhead_mib} MiB, but Batch gives a job "
            f"{LEAST_MEMORY_MIB} MiB at least: raise mem_mb"
        )
    return named + overhead_mib, overhead_mib


def _fit_fargate(resources: BatchResources) -> tuple[BatchResources, list[str]]:
    size = fit_fargate(resources.vcpus, resources.memory_mib)
    storage_gib = plan_storage_gib(resources.disk_mib)
    notes = []
    if (size.vcpus, size.memory_mib) != (resources.vcpus, resources.memory_mib):
        notes.append(
            f"{resources.vcpus:g} vCPU with {resources.memory_mib} MiB becomes {size.vcpus:g} vCPU "
            f"with {size.memory_mib} MiB, the next size that Fargate has"
        )
    fitted = replace(
        resources,
        vcpus=size.vcpus,
        memory_mib=size.memory_mib,
        storage_gib=storage_gib,
        disk_mib=None,
    )
    return fitted, notes


def _list_gpu_reasons(
    resources: BatchResources, gpu_model: str | None, platform: Platform
) -> list[str]:
    """Return what is wrong with the GPUs asked for; an embedded Batch has what its machine has."""
    if gpu_model and not resources.gpus:
        return [f"gpu_model={gpu_model!r} is named without a number of GPUs: add gpu=1"]
    if not resources.gpus:
        return []
    if platform.is_fargate:
        return [
            f"gpu={resources.gpus} is asked of queue {platform.queue}, but Fargate has no GPUs: "
            "name a queue on EC2 (batchx_queue)"
        ]
    if platform.local_runner:
        return []
    models = platform.gpu_models
    if models is not None and not models:
        return [
            f"gpu={resources.gpus} is asked of queue {platform.queue}, whose instance types have "
            "no GPUs: name another (batchx_queue)"
        ]
    if gpu_model and models is not None and not is_gpu_model_there(gpu_model, models):
        return [
            f"gpu_model={gpu_model!r} is asked of queue {platform.queue}, whose instances have "
            f"{', '.join(sorted(models))}: name another (batchx_queue)"
        ]
    return []


def _take_number(resources: Mapping[str, Any], name: str) -> float | None:
    value = resources.get(name)
    if value is None or value == NOT_KNOWN:
        return None
    shown = "threads" if name == "_cores" else name
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0 or (value == 0 and name != "gpu"):
        wanted = "0 or a positive number" if name == "gpu" else "a positive number"
        raise WrongValueError(f"resource {shown}={value!r} must be {wanted}")
    most = MOST_MINUTES if name == "runtime" else MOST_NUMBER
    if value > most:
        raise WrongValueError(f"resource {shown}={value!r} must be {most} at most")
    return float(value)
