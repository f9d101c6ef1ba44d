"""Job definitions, named by what they hold.

A definition is a pure function of the rule's name, image, roles, log group and tags, and its name
holds the hash of all that. So one that exists under the name is the right one, whoever made it and
however long ago, and nothing is registered twice. What varies between jobs of a rule (resources,
command, time limit) is overridden at submission and stays out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.plan.host_cache import READ_FOLDER
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.names import (
    hash_content,
    make_definition_name,
    make_slug,
)
from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX, RUNTIME_PYTHON

DEFAULT_LOG_GROUP = "/aws/batch/job"

ATTEMPTS = 3
"""How often Batch may start a job in all, when host or network failed it."""

EVALUATE_ON_EXIT: tuple[dict[str, str], ...] = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
    {"onReason": "CannotPull*", "action": "RETRY"},
    {"onReason": "DockerTimeout*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
"""Batch retries what only a new host can mend; the tool's failures are Snakemake's (`retries:`).

No match means retry (https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html), hence
the last row."""


RUNTIME_VOLUME = "batchx-runtime"
HOST_CACHE_VOLUME = "batchx-host-cache"


@dataclass(frozen=True)
class RuntimeVolume:
    """Where hosts have the runtime: a folder of theirs, or of an EFS file system."""

    path: str
    file_system: str | None = None

    def make_volume(self) -> dict[str, Any]:
        """Return the volume of a job definition.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_Volume.html
        """
        if self.file_system is None:
            return {"name": RUNTIME_VOLUME, "host": {"sourcePath": self.path}}
        place = {
            "fileSystemId": self.file_system,
            "rootDirectory": self.path,
            "transitEncryption": "ENABLED",
        }
        return {"name": RUNTIME_VOLUME, "efsVolumeConfiguration": place}


@dataclass(frozen=True)
class DefinitionSettings:
    """What a run's settings put into every definition."""

    job_role: str | None = None
    execution_role: str | None = None
    log_group: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    runtime_volume: RuntimeVolume | None = None


def plan_definition(
    rule: str, image: JobImage, settings: DefinitionSettings, cache_folder: str | None = None
) -> dict[str, Any]:
    """Return the RegisterJobDefinition request for a rule's jobs.

    `cache_folder` is the host's folder for inputs that hosts keep, None for jobs without such.

    What a definition of the user's own says (`image.template`) stays, but for what makes the job
    ours: image, command, and what the settings name.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
    """
    tags = image.template.get("tags", {})
    request: dict[str, Any] = {
        "type": "container",
        "platformCapabilities": ["EC2"],
        "retryStrategy": {"attempts": ATTEMPTS, "evaluateOnExit": list(EVALUATE_ON_EXIT)},
        "propagateTags": True,
        **image.template,
        "containerProperties": _make_container(image, settings, cache_folder),
        "tags": {**tags, **settings.tags, "batchx:rule": make_slug(rule)},
    }
    return {"jobDefinitionName": make_definition_name(rule, hash_content(request)), **request}


def _make_container(
    image: JobImage, settings: DefinitionSettings, cache_folder: str | None
) -> dict[str, Any]:
    container: dict[str, Any] = {
        "resourceRequirements": BatchResources(vcpus=1, memory_mib=2048).make_requirements(),
        **image.template.get("containerProperties", {}),
        "image": image.image,
        # Always set: the image's own CMD would be inherited. Every submission overrides it.
        "command": [RUNTIME_PYTHON, "--version"],
    }
    if image.environment:
        _add_environment(container, image.environment)
    if settings.runtime_volume:
        mount = _make_mount(RUNTIME_VOLUME, RUNTIME_PREFIX, is_read_only=True)
        _add_volume(container, settings.runtime_volume.make_volume(), mount)
    if cache_folder:
        _add_volume(
            container,
            {"name": HOST_CACHE_VOLUME, "host": {"sourcePath": cache_folder}},
            _make_mount(HOST_CACHE_VOLUME, cache_folder, is_read_only=False),
            _make_mount(HOST_CACHE_VOLUME, READ_FOLDER, is_read_only=True),
        )
    if settings.job_role:
        container["jobRoleArn"] = settings.job_role
    if settings.execution_role:
        container["executionRoleArn"] = settings.execution_role
    if settings.log_group and settings.log_group != DEFAULT_LOG_GROUP:
        container["logConfiguration"] = {
            "logDriver": "awslogs",
            "options": {"awslogs-group": settings.log_group},
        }
    return container


def _add_environment(container: dict[str, Any], variables: Mapping[str, str]) -> None:
    kept = [each for each in container.get("environment", ()) if each["name"] not in variables]
    added = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    container["environment"] = [*kept, *added]


def _make_mount(volume: str, path: str, *, is_read_only: bool) -> dict[str, Any]:
    return {"sourceVolume": volume, "containerPath": path, "readOnly": is_read_only}


def _add_volume(container: dict[str, Any], volume: dict[str, Any], *mounts: dict[str, Any]) -> None:
    container["volumes"] = [*container.get("volumes", ()), volume]
    container["mountPoints"] = [*container.get("mountPoints", ()), *mounts]
