"""A definition's containers with a submission's overrides, as Batch merges them.

Every definition becomes one *task*: ``{"containers": […], …}`` in the words of ``ecsProperties``.
``containerProperties`` are a task of one container called ``default``.
Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerOverrides.html and
API_TaskContainerOverrides.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from snakemake_executor_plugin_batchx.local.container_rules import (
    check_environment,
    check_resources,
    read_resources,
)
from snakemake_executor_plugin_batchx.local.definitions import Definition
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.platform_rules import check_refused
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

DEFAULT_CONTAINER = "default"

REPLACED_MEMBERS = ("command", "instanceType", "vcpus", "memory")
"""Members of a container that an override replaces whole."""


def merge_task(definition: Definition, request: JsonObject) -> JsonObject:
    """The task that a SubmitJob asks for.

    Raises:
        ClientError: an override does not fit the definition or breaks a limit.
    """
    if "nodeOverrides" in request or "eksPropertiesOverride" in request:
        raise ClientError("The definition is neither multinode nor EKS: its overrides do not apply")
    is_single = "containerProperties" in definition.request
    wrong = "ecsPropertiesOverride" if is_single else "containerOverrides"
    if wrong in request:
        raise ClientError(f"{wrong} is not applicable for this job definition.")
    if is_single:
        properties = definition.request["containerProperties"]
        override = request.get("containerOverrides", {})
        container = _merge_container(
            {"name": DEFAULT_CONTAINER, **properties}, override, is_fargate=definition.is_fargate
        )
        check_resources(
            read_resources(container), is_fargate=definition.is_fargate, is_complete=True
        )
        return {"containers": [container]}
    task = definition.request["ecsProperties"]["taskProperties"][0]
    return {**task, "containers": _merge_task_containers(task["containers"], definition, request)}


def _merge_task_containers(
    containers: list[JsonObject], definition: Definition, request: JsonObject
) -> list[JsonObject]:
    tasks = request.get("ecsPropertiesOverride", {}).get("taskProperties", [{}])
    if len(tasks) > 1:
        raise ClientError("ecsPropertiesOverride takes one taskProperties")
    overrides = tasks[0].get("containers", []) if tasks else []
    names = [container.get("name", DEFAULT_CONTAINER) for container in containers]
    by_name: dict[str, JsonObject] = {}
    for override in overrides:
        name = override.get("name", names[0] if len(names) == 1 else None)
        if name not in names:
            raise ClientError(f"Unknown container '{name}' in ecsPropertiesOverride")
        by_name[name] = override
    return [
        _merge_container(
            {**container, "name": name}, by_name.get(name, {}), is_fargate=definition.is_fargate
        )
        for name, container in zip(names, containers, strict=True)
    ]


def _merge_container(
    container: JsonObject, override: JsonObject, *, is_fargate: bool
) -> JsonObject:
    """The older ``vcpus`` and ``memory`` do not override ``resourceRequirements``."""
    check_environment(override.get("environment", []))
    check_refused(override, is_fargate=is_fargate)
    check_resources(read_resources(override), is_fargate=is_fargate, is_complete=False)
    merged = {
        **container,
        **{name: override[name] for name in REPLACED_MEMBERS if name in override},
    }
    merged["environment"] = _merge_by("name", container, override, "environment")
    merged["resourceRequirements"] = _merge_by("type", container, override, "resourceRequirements")
    return merged


def _merge_by(key: str, given: JsonObject, override: JsonObject, member: str) -> list[JsonObject]:
    """Two lists of objects as one.

    A later object takes the place of the earlier one of the same key.
    """
    merged = {each[key]: each for each in given[member]}
    merged.update({each[key]: each for each in override.get(member, [])})
    return list(merged.values())


def find_task_resources(task: JsonObject) -> dict[str, float]:
    """What a task reserves: VCPU, MEMORY (MiB) and GPU over all its containers."""
    totals = {"VCPU": 0.0, "MEMORY": 0.0, "GPU": 0.0}
    for container in task["containers"]:
        for kind, value in read_resources(container).items():
            totals[kind] += value
    return totals


def count_override_characters(request: JsonObject, batch_environment: Mapping[str, str]) -> int:
    """The length of the overrides, as JSON, that Batch hands to ECS's RunTask.

    Batch's own variables are part of them.
    """
    own = [{"name": name, "value": value} for name, value in batch_environment.items()]
    tasks = request.get("ecsPropertiesOverride", {}).get("taskProperties", [])
    overrides = tasks[0].get("containers", []) if tasks else [request.get("containerOverrides", {})]
    sent = [
        {"name": DEFAULT_CONTAINER, **each, "environment": [*each.get("environment", []), *own]}
        for each in overrides
    ]
    text = json.dumps({"containerOverrides": sent}, separators=(",", ":"), ensure_ascii=False)
    return len(text)


def substitute_parameters(command: list[str], parameters: Mapping[str, str]) -> list[str]:
    """Replaces every ``Ref::name`` argument by its parameter; unknown names stay as they are.

    Source:
    https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html#parameters
    """
    return [
        parameters.get(argument.removeprefix("Ref::"), argument)
        if argument.startswith("Ref::")
        else argument
        for argument in command
    ]
