"""What a job definition's containers may ask for, on EC2 and on Fargate.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html,
API_TaskContainerProperties.html, API_EcsTaskProperties.html and API_ResourceRequirement.html.
linux_rules.py, platform_rules.py, secret_rules.py and volume_rules.py have what each is called for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from snakemake_executor_plugin_batchx.local.checks import check_bound, check_pattern
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.linux_rules import check_linux_parameters, check_ulimits
from snakemake_executor_plugin_batchx.local.platform_rules import check_platform
from snakemake_executor_plugin_batchx.local.platforms import FARGATE_MEMORY_MIB
from snakemake_executor_plugin_batchx.local.secret_rules import check_secrets
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.volume_rules import check_volumes


def check_container_properties(properties: JsonObject, *, is_fargate: bool) -> None:
    """Checks ``containerProperties`` of RegisterJobDefinition.

    Raises:
        ClientError: for the first rule that is broken.
    """
    if "image" not in properties:
        raise ClientError("Container properties must have an image")
    _check_container(properties)
    check_resources(read_resources(properties), is_fargate=is_fargate, is_complete=True)
    _check_task(properties, "jobRoleArn", is_fargate=is_fargate)


def check_ecs_properties(properties: JsonObject, *, is_fargate: bool) -> None:
    """Checks ``ecsProperties`` of RegisterJobDefinition: one task of one or more named containers.

    Raises:
        ClientError: for the first rule that is broken.
    """
    check_bound("task_properties", len(properties["taskProperties"]))
    task = properties["taskProperties"][0]
    containers = task["containers"]
    check_bound("task_containers", len(containers))
    names = [container.get("name") for container in containers]
    if len(containers) > 1 and (None in names or len(set(names)) < len(names)):
        raise ClientError("Every container of a task must have a name of its own")
    if not any(container.get("essential", True) for container in containers):
        raise ClientError("At least one container of a task must be essential")
    totals = {"VCPU": 0.0, "MEMORY": 0.0, "GPU": 0.0}
    for container in containers:
        _check_container(container)
        resources = read_resources(container)
        if not is_fargate:
            check_resources(resources, is_fargate=False, is_complete=True)
        for kind, value in resources.items():
            totals[kind] += value
        _check_container_dependencies(container, names)
    _check_dependency_cycles(containers)
    if is_fargate:
        given = {kind: value for kind, value in totals.items() if value}
        check_resources(given, is_fargate=True, is_complete=True)
    _check_task(task, "taskRoleArn", is_fargate=is_fargate)


def read_resources(properties: Mapping[str, Any]) -> dict[str, float]:
    """Maps VCPU, MEMORY (MiB) and GPU to what is asked for.

    The older ``vcpus`` and ``memory`` count where nothing newer stands.

    Raises:
        ClientError: a value is no number, or stands twice.
    """
    resources: dict[str, float] = {}
    for requirement in properties.get("resourceRequirements", []):
        kind = requirement["type"]
        if kind in resources:
            raise ClientError(f"resourceRequirements holds {kind} more than once")
        resources[kind] = _read_number(kind, requirement["value"])
    for kind, member in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if member in properties:
            resources.setdefault(kind, float(properties[member]))
    return resources


def check_resources(resources: Mapping[str, float], *, is_fargate: bool, is_complete: bool) -> None:
    """Checks what read_resources returned.

    ``is_complete`` is false for overrides, which may name some only.

    Raises:
        ClientError: a resource is missing, too small, fractional on EC2, or no pair of Fargate's.
    """
    missing = {"VCPU", "MEMORY"} - resources.keys()
    if is_complete and missing:
        names = " and ".join(sorted(missing))
        raise ClientError(f"Container resource requirements must have {names}")
    if is_fargate:
        _check_fargate_pair(resources)
        return
    for kind, row in (("VCPU", "vcpus"), ("MEMORY", "memory_mib"), ("GPU", "gpus")):
        if kind in resources:
            if resources[kind] != int(resources[kind]):
                raise ClientError(f"{kind} must be a whole number for EC2, got {resources[kind]}")
            check_bound(row, int(resources[kind]))


def check_environment(environment: Iterable[Mapping[str, str]]) -> None:
    """Refuses reserved or impossible names of environment variables.

    Raises:
        ClientError: with the name.
    """
    for variable in environment:
        check_pattern("environment_name", variable.get("name", ""))


def _read_number(kind: str, text: str) -> float:
    try:
        return float(text) if kind == "VCPU" else float(int(text))
    except ValueError:
        raise ClientError(f"The value of {kind} must be a number, got {text!r}") from None


def _check_fargate_pair(resources: Mapping[str, float]) -> None:
    if "GPU" in resources:
        raise ClientError("GPU is not applicable for Fargate.")
    vcpus, memory = resources.get("VCPU"), resources.get("MEMORY")
    if vcpus is not None and vcpus not in FARGATE_MEMORY_MIB:
        known = ", ".join(f"{value:g}" for value in FARGATE_MEMORY_MIB)
        raise ClientError(f"Fargate has no {vcpus:g} vCPU: it should be one of {known}")
    if vcpus is not None and memory is not None and memory not in FARGATE_MEMORY_MIB[vcpus]:
        known = ", ".join(str(value) for value in sorted(FARGATE_MEMORY_MIB[vcpus]))
        raise ClientError(
            f"Fargate has no {memory:g} MiB with {vcpus:g} vCPU: it should be one of {known}"
        )


def _check_container(container: JsonObject) -> None:
    check_bound("image_length", len(container["image"]))
    check_pattern("image", container["image"])
    check_environment(container.get("environment", []))
    if "user" in container:
        check_pattern("user", container["user"])
    check_linux_parameters(container.get("linuxParameters", {}))
    check_ulimits(container.get("ulimits", []))


def _check_task(task: JsonObject, role_member: str, *, is_fargate: bool) -> None:
    """The rules for a task as a whole; ``role_member`` names its role for the job itself."""
    for member in (role_member, "executionRoleArn"):
        if member in task:
            check_pattern("role_arn", task[member])
    check_platform(task, is_fargate=is_fargate)
    containers = task.get("containers", [task])
    for container in containers:
        check_secrets(container, has_execution_role="executionRoleArn" in task)
    check_volumes(task.get("volumes", []), containers, has_job_role=role_member in task)


def _check_container_dependencies(container: JsonObject, names: list[str | None]) -> None:
    for dependency in container.get("dependsOn", []):
        if dependency["containerName"] not in names:
            raise ClientError(f"Unknown container '{dependency['containerName']}' in dependsOn")
        if dependency["containerName"] == container.get("name"):
            raise ClientError("A container cannot depend on itself")


def _check_dependency_cycles(containers: list[JsonObject]) -> None:
    awaited = {
        container.get("name"): [each["containerName"] for each in container.get("dependsOn", [])]
        for container in containers
    }
    try:
        TopologicalSorter(awaited).prepare()
    except CycleError:
        raise ClientError("The containers of a task depend on each other in a cycle") from None
