"""Which instance types the queues of a stack may have, by processor."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.plan.architecture import is_arm_family

NVIDIA = re.compile(r"(?:p\d|g\d(?!ad))")
"""How families with NVIDIA GPUs begin: G and P, but for G4ad with AMD's
(https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html)."""


def is_x86_family(name: str) -> bool:
    """Tell whether a family, a type or a bundle of Batch's has x86-64 processors."""
    return not is_arm_family(name)


def is_nvidia_family(name: str) -> bool:
    """Tell whether a family or a type has NVIDIA GPUs and x86-64 processors."""
    return bool(NVIDIA.match(name)) and is_x86_family(name)


@dataclass(frozen=True)
class Processor:
    """What the types of an option have: the option's field, the switch that it needs, if any.

    `has` tells it of a family, a type or a bundle.
    """

    field: str
    switch: str
    title: str
    example: str
    has: Callable[[str], bool]


PROCESSORS = (
    Processor("instance_types", "", "x86-64 processors", "m6i", is_x86_family),
    Processor("arm_instance_types", "arm", "Graviton processors", "m6g", is_arm_family),
    Processor(
        "gpu_instance_types", "gpu", "NVIDIA GPUs beside x86-64 processors", "g5", is_nvidia_family
    ),
)
