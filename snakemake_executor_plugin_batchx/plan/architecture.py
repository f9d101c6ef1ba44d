"""The CPU architecture of instances, as OCI images name it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

# A g that follows the generation's number stands for Graviton: m7g, c7gn, im4gn; not g5, g4dn
# (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html).
GRAVITON = re.compile(r"\d[a-z]*g")

Architecture = Literal["amd64", "arm64"]

ARM_FAMILIES = ("a1", "default_arm64", "p6e-gb")


def is_arm_family(name: str) -> bool:
    """Tell whether an instance type or family ("m7g.large", "c6gn") has Graviton CPUs."""
    family = name.split(".", maxsplit=1)[0]
    return family.startswith(ARM_FAMILIES) or bool(GRAVITON.search(family))


def find_architecture(environments: Iterable[Mapping[str, Any]]) -> Architecture:
    """Return "arm64" or "amd64" for compute environments as DescribeComputeEnvironments has them.

    A queue has one architecture (https://docs.aws.amazon.com/batch/latest/userguide/
    job_queue_compute_environment_order.html); "optimal" is x86.
    """
    types = (
        name
        for environment in environments
        for name in environment.get("computeResources", {}).get("instanceTypes", [])
    )
    return "arm64" if any(map(is_arm_family, types)) else "amd64"
