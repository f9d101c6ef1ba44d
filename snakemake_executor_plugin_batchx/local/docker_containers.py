"""From a job's container to the request that creates it in Docker, as the ECS agent makes it.

Pure. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
and https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.container_rules import read_resources
from snakemake_executor_plugin_batchx.local.launch import RuntimeTrees
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.local.process_environment import (
    Surroundings,
    make_ecs_environment,
)
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.shared_volumes import find_shared_folder

LABEL = "batchx.server"
"""Its value tells which embedded AWS a container or volume is of."""

RUNTIME_FOLDER = "/batchx"
OWN_FOLDER = "/batchx/plugin"
MIB = 1024 * 1024
SHARES_PER_VCPU = 1024
MOST_SHARES = 262_144
CPU_PERIOD = 100_000
"""Microseconds in which a container may use its quota of CPU time."""
NO_SECRETS: Mapping[str, str] = MappingProxyType({})
DEVICE_LETTERS = {"READ": "r", "WRITE": "w", "MKNOD": "m"}


@dataclass(frozen=True)
class ContainerWorld:
    """What all containers of a server share.

    ``runtime`` is mounted at /batchx; None where images hold it. ``server`` is the label's value.
    """

    around: Surroundings
    runtime: RuntimeTrees | None
    server: str


def make_container_name(task: StartOrder, container: ContainerOrder) -> str:
    """``batchx-<job>-<attempt>-<container>``."""
    return "batchx-" + _clean(f"{task.attempt_id}-{container.name}")


def make_volume_names(task: StartOrder) -> dict[str, str]:
    """Maps the task's volumes that have no place on the host to Docker's volumes."""
    return {
        volume["name"]: "batchx-" + _clean(f"{task.attempt_id}-{volume['name']}")
        for volume in task.volumes
        if not _find_host_path(volume, "")
    }


def plan_container(
    task: StartOrder,
    container: ContainerOrder,
    world: ContainerWorld,
    secrets: Mapping[str, str] = NO_SECRETS,
) -> JsonObject:
    """The body of ``POST /containers/create``.

    The image's ENTRYPOINT applies, and its CMD where the job has no command. ``secrets`` are
    variables of the container alone.
    """
    properties = container.properties
    environment = {**make_ecs_environment(task, container, world.around), **secrets}
    return {
        "Image": container.image,
        "Cmd": list(container.command) or None,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": properties.get("user", ""),
        "Labels": {LABEL: world.server, "batchx.job": task.job_id},
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            "NetworkMode": "host",
            # Output is read as it comes; nothing is kept on the disk.
            "LogConfig": {"Type": "none"},
            "Binds": _list_binds(task, container, world.around.shared_folder),
            "Mounts": _list_mounts(world),
            "CpuShares": _find_cpu_shares(container),
            **_limit_cpus(task),
            **_limit_memory(task, container),
            **_plan_access(properties),
            **_plan_linux(properties.get("linuxParameters", {})),
        },
    }


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _find_cpu_shares(container: ContainerOrder) -> int:
    """Shares, not a quota: a container may use what others leave."""
    vcpus = read_resources(container.properties).get("VCPU", 0)
    return min(int(vcpus * SHARES_PER_VCPU), MOST_SHARES)


def _limit_cpus(task: StartOrder) -> JsonObject:
    """Fargate's containers have the CPUs of their task and no more."""
    if not task.is_fargate:
        return {}
    vcpus = sum(read_resources(each.properties).get("VCPU", 0) for each in task.containers)
    return {"CpuPeriod": CPU_PERIOD, "CpuQuota": int(vcpus * CPU_PERIOD)}


def _limit_memory(task: StartOrder, container: ContainerOrder) -> JsonObject:
    """A hard limit; a container of a Fargate task without one has all of the task's.

    Swap beyond it only as linuxParameters give it: AWS's own machine images have none.
    """
    memory_mib = container.memory_mib or sum(each.memory_mib for each in task.containers)
    if not memory_mib:
        return {}
    linux = container.properties.get("linuxParameters", {})
    swap_mib = linux.get("maxSwap", 0)
    limits: JsonObject = {
        "Memory": memory_mib * MIB,
        "MemorySwap": (memory_mib + swap_mib) * MIB,
    }
    if swap_mib and "swappiness" in linux:
        limits["MemorySwappiness"] = linux["swappiness"]
    return limits


def _plan_access(properties: JsonObject) -> JsonObject:
    gpus = int(read_resources(properties).get("GPU", 0))
    plan: JsonObject = {
        "Privileged": properties.get("privileged", False),
        "ReadonlyRootfs": properties.get("readonlyRootFilesystem", False),
        "Ulimits": [
            {"Name": each["name"], "Soft": each["softLimit"], "Hard": each["hardLimit"]}
            for each in properties.get("ulimits", [])
        ],
    }
    if gpus:
        plan["DeviceRequests"] = [{"Count": gpus, "Capabilities": [["gpu"]]}]
    return plan


def _plan_linux(linux: JsonObject) -> JsonObject:
    plan: JsonObject = {
        "Init": linux.get("initProcessEnabled", False),
        "Devices": [_plan_device(each) for each in linux.get("devices", [])],
        "Tmpfs": {
            each["containerPath"]: ",".join(
                [f"size={each['size']}m", *each.get("mountOptions", [])]
            )
            for each in linux.get("tmpfs", [])
        },
    }
    if "sharedMemorySize" in linux:
        plan["ShmSize"] = linux["sharedMemorySize"] * MIB
    return plan


def _plan_device(device: Mapping[str, object]) -> JsonObject:
    permissions = device.get("permissions") or ["READ", "WRITE", "MKNOD"]
    letters = [DEVICE_LETTERS[name] for name in permissions]  # type: ignore[attr-defined]
    return {
        "PathOnHost": device["hostPath"],
        "PathInContainer": device.get("containerPath") or device["hostPath"],
        "CgroupPermissions": "".join(letters),
    }


def _list_binds(task: StartOrder, container: ContainerOrder, shared_folder: str) -> list[str]:
    """Binds make a folder of the host that is missing, as on ECS."""
    sources = {
        **{volume["name"]: _find_host_path(volume, shared_folder) for volume in task.volumes},
        **make_volume_names(task),
    }
    mounts: Sequence[JsonObject] = container.properties.get("mountPoints", [])
    return [
        f"{sources[each['sourceVolume']]}:{each['containerPath']}:"
        + ("ro" if each.get("readOnly") else "rw")
        for each in mounts
    ]


def _find_host_path(volume: JsonObject, shared_folder: str) -> str:
    folder = find_shared_folder(volume, shared_folder)
    path: str = volume.get("host", {}).get("sourcePath", "")
    return path if folder is None else str(folder)


def _list_mounts(world: ContainerWorld) -> list[JsonObject]:
    shared = world.around.shared_folder
    mounts = [_bind(shared, shared, is_read_only=False)]
    if world.runtime is not None:
        mounts += [
            _bind(world.runtime.base, RUNTIME_FOLDER, is_read_only=True),
            _bind(world.runtime.own, OWN_FOLDER, is_read_only=True),
        ]
    return mounts


def _bind(source: str, target: str, *, is_read_only: bool) -> JsonObject:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": is_read_only}
