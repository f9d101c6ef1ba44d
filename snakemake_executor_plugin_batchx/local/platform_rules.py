"""What a task may ask for on Fargate, and what on EC2.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html,
API_EcsTaskProperties and API_RuntimePlatform
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from snakemake_executor_plugin_batchx.local.checks import check_bound, check_choice
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.platforms import (
    EC2_REFUSES,
    FARGATE_LOG_DRIVERS,
    FARGATE_REFUSES,
)
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

LATEST = "LATEST"
RUNTIME_ROWS = {"cpuArchitecture": "cpu_architecture", "operatingSystemFamily": "operating_system"}


def check_platform(task: JsonObject, *, is_fargate: bool) -> None:
    """Checks a task as a whole: ``containerProperties``, or one of ``taskProperties``.

    Raises:
        ClientError: for the first rule that is broken.
    """
    containers = task.get("containers", [task])
    for owner in (task, *containers):
        check_refused(owner, is_fargate=is_fargate)
    if is_fargate:
        _check_fargate(task, containers)


def check_refused(owner: JsonObject, *, is_fargate: bool) -> None:
    """Refuses what a container, a task or a container's override cannot have on its platform.

    Raises:
        ClientError: with the table's words.
    """
    for path, message in (FARGATE_REFUSES if is_fargate else EC2_REFUSES).items():
        if _has_path(owner, path):
            raise ClientError(message)


def read_platform_version(task: JsonObject) -> str:
    """The version of Fargate that a task asks for."""
    configuration = task.get("fargatePlatformConfiguration", {})
    version: str = configuration.get("platformVersion") or task.get("platformVersion") or LATEST
    return version


def _check_fargate(task: JsonObject, containers: Iterable[JsonObject]) -> None:
    if "executionRoleArn" not in task:
        raise ClientError("executionRoleArn is required for Fargate.")
    if "ephemeralStorage" in task:
        check_bound("fargate_storage_gib", task["ephemeralStorage"]["sizeInGiB"])
    for member, row in RUNTIME_ROWS.items():
        if member in task.get("runtimePlatform", {}):
            check_choice(row, task["runtimePlatform"][member])
    check_choice("fargate_version", read_platform_version(task))
    if any("host" in volume for volume in task.get("volumes", [])):
        raise ClientError("host volumes are not applicable for Fargate.")
    for container in containers:
        logs = container.get("logConfiguration")
        if logs and logs["logDriver"] not in FARGATE_LOG_DRIVERS:
            raise ClientError(f"Log driver {logs['logDriver']} is not applicable for Fargate.")


def _has_path(properties: Mapping[str, Any], path: str) -> bool:
    value: Any = properties
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return value not in (False, [], {})
