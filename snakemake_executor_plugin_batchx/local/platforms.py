"""What containers may ask for on EC2 and on Fargate, as tables."""

from __future__ import annotations

from types import MappingProxyType

from snakemake_executor_plugin_batchx.plan.fargate import FARGATE_MEMORY_MIB

__all__ = ["EC2_REFUSES", "FARGATE_LOG_DRIVERS", "FARGATE_MEMORY_MIB", "FARGATE_REFUSES"]

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
        "vcpus": "vcpus is not applicable for Fargate. Use resource requirements instead.",
        "memory": "memory is not applicable for Fargate. Use resource requirements instead.",
    }
)
"""What a container on Fargate cannot have, as paths of the container's properties.

Source: API_ContainerProperties. The words about vcpus: https://github.com/insitro/redun/pull/95.
"""

EC2_REFUSES = MappingProxyType(
    {
        "networkConfiguration": "networkConfiguration not applicable for EC2.",
        "fargatePlatformConfiguration": "fargatePlatformConfiguration not applicable for EC2.",
        "ephemeralStorage": "ephemeralStorage not applicable for EC2.",
        "runtimePlatform": "runtimePlatform not applicable for EC2.",
        "platformVersion": "platformVersion not applicable for EC2.",
    }
)
"""What a container on EC2 cannot have.

The words of the first: a public report of RegisterJobDefinition. "An object that represents the
compute environment architecture for Batch jobs on Fargate" is all that API_ContainerProperties says
of runtimePlatform: whether AWS refuses it on EC2 could not be verified.
"""

FARGATE_LOG_DRIVERS = frozenset({"awslogs", "splunk"})
"""Source: API_LogConfiguration."""
