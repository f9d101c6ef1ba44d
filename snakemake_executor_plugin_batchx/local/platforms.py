"""What containers may ask for on EC2 and on Fargate, as tables."""

from __future__ import annotations

from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.limits import KIB


def _gib_range(first: int, last: int, step: int = 1) -> frozenset[int]:
    return frozenset(gib * KIB for gib in range(first, last + 1, step))


FARGATE_MEMORY_MIB = MappingProxyType(
    {
        0.25: frozenset({512, 1024, 2048}),
        0.5: _gib_range(1, 4),
        1.0: _gib_range(2, 8),
        2.0: _gib_range(4, 16),
        4.0: _gib_range(8, 30),
        8.0: _gib_range(16, 60, 4),
        16.0: _gib_range(32, 120, 8),
    }
)
"""Fargate's vCPU values and the memory (MiB) each may have. Source: API_ResourceRequirement."""

FARGATE_REFUSES = MappingProxyType(
    {
        "privileged": "privileged is not applicable for Fargate.",
        "ulimits": "ulimits is not applicable for Fargate.",
        "instanceType": "instanceType is not applicable for Fargate.",
        "linuxParameters.devices": "devices is not applicable for Fargate.",
        "linuxParameters.sharedMemorySize": "sharedMemorySize is not applicable for Fargate.",
        "linuxParameters.tmpfs": "tmpfs is not applicable for Fargate.",
        "linuxParameters.maxSwap": "maxSwap is not applicable for Fargate.",
        "linuxParameters.swappiness": "swappiness is not applicable for Fargate.",
    }
)
"""What a container on Fargate cannot have, as paths of the container's properties.

Source: API_ContainerProperties.
"""

EC2_REFUSES = MappingProxyType(
    {
        "networkConfiguration": "networkConfiguration not applicable for EC2.",
        "fargatePlatformConfiguration": "fargatePlatformConfiguration not applicable for EC2.",
        "ephemeralStorage": "ephemeralStorage not applicable for EC2.",
    }
)
"""What a container on EC2 cannot have.

The words of the first: a public report of RegisterJobDefinition.
"""

FARGATE_LOG_DRIVERS = frozenset({"awslogs", "splunk"})
"""Source: API_LogConfiguration."""
