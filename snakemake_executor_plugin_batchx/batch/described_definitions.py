"""What DescribeJobDefinitions tells of a definition, as RegisterJobDefinition takes it again."""

from collections.abc import Collection, Mapping
from typing import Any

KEPT = (
    "consumableResourceProperties",
    "containerProperties",
    "parameters",
    "platformCapabilities",
    "propagateTags",
    "retryStrategy",
    "schedulingPriority",
    "tags",
    "timeout",
)
"""Members that DescribeJobDefinitions returns and RegisterJobDefinition takes.

https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDefinition.html"""

OTHER_KINDS = ("ecsProperties", "eksProperties", "nodeProperties")
"""What a definition that is not of a single container has instead of containerProperties."""


def make_template(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a sibling of a described definition of a single container takes over."""
    return _take_over(found, KEPT)


def make_request(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the RegisterJobDefinition request that makes an equal revision of a definition."""
    name, kind = found["jobDefinitionName"], found["type"]
    taken = _take_over(found, (*KEPT, *OTHER_KINDS))
    return {"jobDefinitionName": name, "type": kind, **taken}


def _take_over(found: Mapping[str, Any], members: Collection[str]) -> dict[str, Any]:
    taken = {member: found[member] for member in members if found.get(member) is not None}
    # AWS's own tags, CloudFormation's for one, are AWS's to give.
    tags = taken.get("tags", {})
    taken["tags"] = {key: tags[key] for key in tags if not key.startswith("aws:")}
    if "containerProperties" in taken:
        taken["containerProperties"] = _renew_requirements(taken["containerProperties"])
    pruned: dict[str, Any] = _prune(taken)
    return pruned


def _renew_requirements(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container that asks for its resources in the newer way alone."""
    container = dict(found)
    # The older way to ask for resources (API_ContainerProperties.html, vcpus and memory).
    older = {"VCPU": container.pop("vcpus", None), "MEMORY": container.pop("memory", None)}
    named = {each["type"] for each in container.get("resourceRequirements", ())}
    container["resourceRequirements"] = [
        *container.get("resourceRequirements", ()),
        *({"type": k, "value": str(v)} for k, v in older.items() if v and k not in named),
    ]
    return container


def _prune(value: Any, *, is_listed: bool = False) -> Any:
    """Return a description without the members that AWS fills in empty, which it refuses.

    Inside lists an empty object may mean something: a volume's `emptyDir: {}`, say.
    """
    if isinstance(value, list):
        return [_prune(each, is_listed=True) for each in value]
    if not isinstance(value, Mapping):
        return value
    pruned = {name: _prune(each, is_listed=is_listed) for name, each in value.items()}
    empty: tuple[object, ...] = (None, []) if is_listed else (None, [], {})
    return {name: each for name, each in pruned.items() if each not in empty}
