"""Job definitions, named by what they hold.

A definition is a pure function of the rule's name, the image, what the job asks of its container
and the run's tags, and its name holds the hash of all that. So one that exists under the name is
the right one, whoever made it and however long ago, and nothing is registered twice. What may vary
between jobs of a rule (resources, command, time limit, retries, priority, the job's own tags) is
said at submission and stays out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.plan.cache_folder import READ_FOLDER
from snakemake_executor_plugin_batchx.plan.container_logs import (
    CLOUDWATCH_DRIVER,
    DEFAULT_LOG_GROUP,
)
from snakemake_executor_plugin_batchx.plan.fit import CPU_ARCHITECTURES, join_consumables
from snakemake_executor_plugin_batchx.plan.image import PRELOAD, JobImage, shield_preload
from snakemake_executor_plugin_batchx.plan.names import (
    RULE_TAG,
    WORKFLOW_TAG,
    hash_content,
    make_definition_name,
    make_slug,
)
from snakemake_executor_plugin_batchx.plan.request import DEFAULT_SCRATCH, JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.plan.retries import DEFAULT_RETRIES, make_retry_strategy
from snakemake_executor_plugin_batchx.plan.volumes import (
    NEEDED_PLATFORM,
    add_volumes,
    is_file_system,
)
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX, RUNTIME_PYTHON

DUE = BatchResources(vcpus=1, memory_mib=2048)
"""What a definition has to name, of a size that Fargate has, too; every job says its own."""

RUNTIME_VOLUME = "batchx-runtime"
HOST_CACHE_VOLUME = "batchx-host-cache"
SCRATCH_VOLUME = "batchx-scratch"

KEYS = {"ulimits": ("name",), "tmpfs": ("containerPath",), "devices": ("containerPath", "hostPath")}
"""By what the things in a list of a container's are told from each other: the first that is given
(API_Device: a device without containerPath has the host's path)."""


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
    """What a run puts into every definition, whatever its jobs ask for.

    `workflow` names the workflow, `scratch` is the folder in which jobs work.
    """

    tags: dict[str, str] = field(default_factory=dict)
    workflow: str = ""
    runtime_volume: RuntimeVolume | None = None
    scratch: str = DEFAULT_SCRATCH


def plan_definition(
    rule: str,
    image: JobImage,
    request: JobRequest,
    settings: DefinitionSettings,
    cache_folder: str | None = None,
) -> dict[str, Any]:
    """Return the RegisterJobDefinition request for a rule's jobs.

    `cache_folder` is the host's folder for inputs that hosts keep, None for jobs without such.

    What a definition of the user's own says (`image.template`) stays, but for what makes the job
    ours, image and command, and what the job asks for.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
    """
    tags = {**settings.tags, RULE_TAG: make_slug(rule)}
    if settings.workflow:
        tags[WORKFLOW_TAG] = settings.workflow
    planned: dict[str, Any] = {
        "type": "container",
        "platformCapabilities": [request.platform.kind.upper()],
        "retryStrategy": make_retry_strategy(DEFAULT_RETRIES),
        "propagateTags": True,
        **image.template,
        "containerProperties": _make_container(image, request, settings, cache_folder),
        "tags": {**image.template.get("tags", {}), **tags},
    }
    held = join_consumables(request.options, image)
    if held:
        planned["consumableResourceProperties"] = {
            "consumableResourceList": [
                {"consumableResource": name, "quantity": quantity} for name, quantity in held
            ]
        }
    return {"jobDefinitionName": make_definition_name(rule, hash_content(planned)), **planned}


def _make_container(
    image: JobImage, request: JobRequest, settings: DefinitionSettings, cache_folder: str | None
) -> dict[str, Any]:
    container: dict[str, Any] = {
        "resourceRequirements": DUE.make_requirements(),
        **image.container,
        "image": image.image,
        # Always set: the image's own CMD would be inherited. Every submission overrides it.
        "command": [RUNTIME_PYTHON, "--version"],
        **_make_roles(request, image),
    }
    asked = request.container.make_properties(request.resources.memory_mib)
    linux = _merge(container.get("linuxParameters", {}), asked.pop("linuxParameters", {}))
    container = _merge(container, {**asked, **({"linuxParameters": linux} if linux else {})})
    if request.platform.is_fargate:
        container |= _make_fargate(request, image)
    variables = {**image.environment, **_make_environment(request)}
    _add_variables(container, variables, dict(request.options.secrets or ()))
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
    add_volumes(container, request.options.volumes or ())
    if request.platform.is_fargate and any(map(is_file_system, container.get("volumes", ()))):
        container["fargatePlatformConfiguration"] = {"platformVersion": NEEDED_PLATFORM}
    if container.get("readonlyRootFilesystem"):
        _keep_scratch_writable(container, settings.scratch)
    return container


def _merge(given: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return members of a container with those that a job asks for; lists thing by thing."""
    merged = {**given, **asked}
    for name, keys in KEYS.items():
        if given.get(name) and asked.get(name):
            things = (*given[name], *asked[name])
            merged[name] = list({_find_key(each, keys): each for each in things}.values())
    return merged


def _find_key(thing: Mapping[str, Any], keys: Sequence[str]) -> str:
    return str(next(thing[key] for key in keys if thing.get(key)))


def _make_roles(request: JobRequest, image: JobImage) -> dict[str, Any]:
    """Return who the job is, who prepares it, and where its output goes."""
    options = request.options
    made: dict[str, Any] = {
        "jobRoleArn": options.job_role,
        "executionRoleArn": options.execution_role,
    }
    if image.credentials:
        made["repositoryCredentials"] = {"credentialsParameter": image.credentials}
    is_usual = options.log_group == DEFAULT_LOG_GROUP and "logConfiguration" not in image.container
    if options.log_group and not is_usual:
        made["logConfiguration"] = {
            "logDriver": CLOUDWATCH_DRIVER,
            "options": {"awslogs-group": options.log_group},
        }
    return {name: value for name, value in made.items() if value}


def _make_fargate(request: JobRequest, image: JobImage) -> dict[str, Any]:
    """Return what is said of tasks on Fargate alone.

    https://docs.aws.amazon.com/batch/latest/userguide/fargate-job-definitions.html
    """
    options = request.options
    made: dict[str, Any] = {}
    if "runtimePlatform" not in image.container:
        made["runtimePlatform"] = {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": CPU_ARCHITECTURES[request.architecture],
        }
    if options.public_ip is not None:
        answer = "ENABLED" if options.public_ip else "DISABLED"
        made["networkConfiguration"] = {"assignPublicIp": answer}
    if options.platform_version:
        made["fargatePlatformConfiguration"] = {"platformVersion": options.platform_version}
    if request.resources.storage_gib:
        made["ephemeralStorage"] = {"sizeInGiB": request.resources.storage_gib}
    return made


def _make_environment(request: JobRequest) -> dict[str, str]:
    given = dict(request.container.environment)
    if PRELOAD in given:
        given |= shield_preload(given[PRELOAD])
    return given


def _add_variables(
    container: dict[str, Any], variables: Mapping[str, str], secrets: Mapping[str, str]
) -> None:
    """Add variables and secrets; no name may be both, so they replace what bears theirs."""
    asked = {
        "environment": [{"name": n, "value": value} for n, value in sorted(variables.items())],
        "secrets": [{"name": n, "valueFrom": arn} for n, arn in sorted(secrets.items())],
    }
    for member, added in asked.items():
        given = container.get(member, ())
        kept = [each for each in given if each["name"] not in {**variables, **secrets}]
        container[member] = [*kept, *added]
        if not container[member]:
            del container[member]


def _keep_scratch_writable(container: dict[str, Any], folder: str) -> None:
    """Give a job with a read-only root a volume to work in, unless it has one there.

    Docker makes it, with the rights of the image's folder, and removes it with the container.
    """
    tmpfs = container.get("linuxParameters", {}).get("tmpfs", ())
    writable = [e["containerPath"] for e in tmpfs if "ro" not in e.get("mountOptions", ())]
    mounts = container.get("mountPoints", ())
    writable += [e["containerPath"] for e in mounts if not e.get("readOnly")]
    if not any(f"{folder}/".startswith(f"{path.rstrip('/')}/") for path in writable):
        mount = _make_mount(SCRATCH_VOLUME, folder, is_read_only=False)
        _add_volume(container, {"name": SCRATCH_VOLUME}, mount)


def _make_mount(volume: str, path: str, *, is_read_only: bool) -> dict[str, Any]:
    return {"sourceVolume": volume, "containerPath": path, "readOnly": is_read_only}


def _add_volume(container: dict[str, Any], volume: dict[str, Any], *mounts: dict[str, Any]) -> None:
    container["volumes"] = [*container.get("volumes", ()), volume]
    container["mountPoints"] = [*container.get("mountPoints", ()), *mounts]
