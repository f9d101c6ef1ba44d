"""`container: "job-definition://name"`: a definition of the user's own, as in Nextflow.

A job's image cannot be changed when it is submitted, so where the runtime has to come into the
image, a sibling of the definition is registered that differs in nothing else.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import PRELOAD, JobImage, shield_preload

SCHEME = "job-definition://"
"""https://www.nextflow.io/docs/latest/aws.html#custom-job-definition"""

KEPT = (
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


class Images(Protocol):
    """Where images come from that jobs can run in."""

    def provide(self, container: str, label: str) -> JobImage:
        """Return the image for a `container:`; raises BatchxError, which starts with `label`."""


class DefinitionReader(Protocol):
    """What is needed of the Batch gateway."""

    def describe_definition(self, name: str) -> dict[str, Any] | None:
        """Return an active definition by name, name:revision or ARN, None where there is none."""


class SiblingImages:
    """Images by reference, and by the definitions that name them."""

    def __init__(self, images: Images, definitions: DefinitionReader) -> None:
        self._images = images
        self._definitions = definitions

    def provide(self, container: str, label: str) -> JobImage:
        """Return the image for a `container:`; raises BatchxError, which starts with `label`."""
        if not container.startswith(SCHEME):
            return self._images.provide(container, label)
        name = container.removeprefix(SCHEME)
        found = self._definitions.describe_definition(name)
        if found is None:
            raise BatchxError(
                f"{label}: there is no active job definition {name} in this region: name one as "
                f"{SCHEME}name, {SCHEME}name:revision or {SCHEME}ARN."
            )
        if found.get("type") != "container" or not found.get("containerProperties"):
            raise BatchxError(
                f"{label}: job definition {name} is not one of a single container on ECS, which is "
                "all that batchx can run: name another, or the image itself."
            )
        template = _make_template(found)
        image = self._images.provide(found["containerProperties"]["image"], label)
        set_here = template["containerProperties"].get("environment", ())
        preloads = [each.get("value", "") for each in set_here if each["name"] == PRELOAD]
        # The definition's variable wins over the image's.
        environment = shield_preload(preloads[-1]) if preloads else image.environment
        return dataclasses.replace(image, environment=environment, template=template)


def _make_template(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a sibling of a described definition takes over."""
    template = {member: found[member] for member in KEPT if found.get(member) is not None}
    # AWS's own tags, CloudFormation's for one, are AWS's to give.
    tags = template.get("tags", {})
    template["tags"] = {key: tags[key] for key in tags if not key.startswith("aws:")}
    container = dict(template["containerProperties"])
    # The older way to ask for resources (API_ContainerProperties.html, vcpus and memory).
    older = {"VCPU": container.pop("vcpus", None), "MEMORY": container.pop("memory", None)}
    named = {each["type"] for each in container.get("resourceRequirements", ())}
    container["resourceRequirements"] = [
        *container.get("resourceRequirements", ()),
        *({"type": k, "value": str(v)} for k, v in older.items() if v and k not in named),
    ]
    pruned: dict[str, Any] = _prune({**template, "containerProperties": container})
    return pruned


def _prune(value: Any) -> Any:
    """Return a description without the members that AWS fills in empty, which it refuses."""
    if isinstance(value, Mapping):
        pruned = {name: _prune(each) for name, each in value.items()}
        return {name: each for name, each in pruned.items() if each not in (None, [], {})}
    return value
