"""The numeric limits of what containers may ask for. Rows are read as in limits.py."""

from __future__ import annotations

from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.limits import API, Bound

MOST = 2**31 - 1

CONTAINER_BOUNDS = MappingProxyType(
    {
        "image_length": Bound(
            1,
            255,
            "Image length should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_ContainerProperties.html",
        ),
        "memory_mib": Bound(
            4,
            MOST,
            "Memory should be at least {minimum} MiB, got {value}",
            f"{API}/API_ResourceRequirement.html",
        ),
        "vcpus": Bound(
            1,
            MOST,
            "vCPUs should be at least {minimum}, got {value}",
            f"{API}/API_ResourceRequirement.html",
        ),
        "gpus": Bound(
            1,
            MOST,
            "GPUs should be at least {minimum}, got {value}",
            f"{API}/API_ResourceRequirement.html",
        ),
        "fargate_storage_gib": Bound(
            21,
            200,
            "Ephemeral storage should be between {minimum} and {maximum} GiB, got {value}",
            f"{API}/API_EphemeralStorage.html",
        ),
        "shared_memory_mib": Bound(
            1,
            MOST,
            "sharedMemorySize should be at least {minimum} MiB, got {value}",
            f"{API}/API_LinuxParameters.html",
        ),
        "swappiness": Bound(
            0,
            100,
            "swappiness should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_LinuxParameters.html",
        ),
        "task_properties": Bound(
            1,
            1,
            "ecsProperties takes exactly one taskProperties, got {value}",
            f"{API}/API_EcsProperties.html",
        ),
        "task_containers": Bound(
            1,
            10,
            "A task has {minimum} to {maximum} containers, got {value}",
            f"{API}/API_EcsTaskProperties.html",
        ),
        "max_swap_mib": Bound(
            0,
            MOST,
            "maxSwap should be at least {minimum} MiB, got {value}",
            f"{API}/API_LinuxParameters.html",
        ),
        "tmpfs_mib": Bound(
            1,
            MOST,
            "The size of a tmpfs volume should be at least {minimum} MiB, got {value}",
            f"{API}/API_Tmpfs.html",
        ),
        "ulimit": Bound(
            -1,
            MOST,
            "A ulimit should be -1 (unlimited) or more, got {value}",
            f"{API}/API_Ulimit.html",
        ),
        "transit_port": Bound(
            0,
            65_535,
            "transitEncryptionPort should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_EFSVolumeConfiguration.html",
        ),
        "root_directory_length": Bound(
            0,
            4096,
            "rootDirectory can have up to {maximum} characters, got {value}",
            f"{API}/API_EFSVolumeConfiguration.html",
        ),
    }
)
