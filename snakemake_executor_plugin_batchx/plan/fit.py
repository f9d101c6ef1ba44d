"""Whether a queue, and a job definition of the user's own, can give what a job asks for.

Each function returns reasons: what follows "Rule align: ", without a period.
"""

import json
from collections.abc import Iterator
from typing import Any

from snakemake_executor_plugin_batchx.plan.architecture import Architecture
from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.options import OPTIONS, Need
from snakemake_executor_plugin_batchx.plan.pairs import MOST_CONSUMABLES
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.plan.volumes import (
    list_ec2_problems,
    list_fargate_problems,
    list_taken,
)

LACKS: dict[Need, str] = {
    "has_policy": "has no scheduling policy",
    "is_fargate": "is on EC2, and this is for Fargate alone",
}
"""What a queue is told of that does not know an option (plan/options.py, `needs`)."""

MOST_DEFINITION_BYTES = 20 * 1024
"""Of the 24 KiB of a job definition; the rest is for the image and what batchx adds itself."""

MOST_TAGS = 50
"""https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html"""

OWN_TAGS = 4
"""batchx:run, batchx:rule, batchx:workflow, and batchx:registered of definitions."""

CPU_ARCHITECTURES: dict[Architecture, str] = {"amd64": "X86_64", "arm64": "ARM64"}
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_RuntimePlatform.html"""


def choose_architecture(options: JobOptions, platform: Platform) -> Architecture:
    """Return a job's processor. Raises WrongValueError where the queue has another."""
    chosen: Any = options.arch or platform.architecture or "amd64"
    if platform.architecture and chosen != platform.architecture:
        raise WrongValueError(
            f"batchx_arch is {chosen}, but the instances of queue {platform.queue} are "
            f"{platform.architecture}: name another queue (batchx_queue), or leave batchx_arch out"
        )
    architecture: Architecture = chosen
    return architecture


def iter_need_reasons(own: JobOptions, options: JobOptions, platform: Platform) -> Iterator[str]:
    """Yield what a rule names though its queue does not know it, and a share that is missing.

    `own` are the rule's, `options` those that count. A queue with a scheduling policy demands a
    share, and no other takes one (API_SubmitJob, shareIdentifier).
    """
    for option in OPTIONS:
        is_named = option.needs and getattr(own, option.name) is not None
        if option.needs and is_named and not getattr(platform, option.needs):
            yield (
                f"{option.resource} is set, but queue {platform.queue} {LACKS[option.needs]}: "
                "leave it out, or name another queue (batchx_queue)"
            )
    if platform.has_policy and options.share is None:
        yield (
            f"queue {platform.queue} has a scheduling policy and demands a share: set batchx_share "
            "or --batchx-share"
        )


def iter_platform_reasons(
    options: JobOptions, container: ContainerOptions, platform: Platform
) -> Iterator[str]:
    """Yield what a queue's platform does not have: on Fargate much, on EC2 S3 Files."""
    volumes = options.volumes or ()
    problems = list_ec2_problems(volumes)
    if platform.is_fargate:
        for problem in container.list_fargate_problems():
            yield f"batchx_options {problem}"
        problems = list_fargate_problems(volumes)
    for problem in problems:
        yield f"batchx_volumes {problem}"


def iter_mount_reasons(
    options: JobOptions, container: ContainerOptions, image: JobImage
) -> Iterator[str]:
    """Yield where something would be mounted over what is mounted already.

    A tmpfs may take the place of one of the definition's.
    """
    taken = dict.fromkeys(list_taken(image.container), "its job definition mounts something")
    for each in container.tmpfs:
        if each.path in taken:
            yield (
                f"batchx_options mounts a tmpfs at {each.path}, where {taken[each.path]}: name "
                "another path"
            )
    tmpfs = image.container.get("linuxParameters", {}).get("tmpfs", ())
    theirs = (each["containerPath"].rstrip("/") for each in tmpfs)
    taken |= dict.fromkeys(theirs, "its job definition mounts a tmpfs")
    taken |= {each.path: "batchx_options mounts a tmpfs" for each in container.tmpfs}
    for volume in options.volumes or ():
        if volume.container_path in taken:
            yield (
                f"batchx_volumes mounts {volume.source} at {volume.container_path}, where "
                f"{taken[volume.container_path]}: name another path"
            )


def iter_role_reasons(options: JobOptions, platform: Platform, image: JobImage) -> Iterator[str]:
    """Yield what needs a role that nobody has set.

    https://docs.aws.amazon.com/batch/latest/userguide/execution-IAM-role.html
    """
    has_job_role = options.job_role or image.container.get("jobRoleArn")
    for volume in options.volumes or ():
        if volume.needs_job_role and not has_job_role:
            yield (
                f"batchx_volumes mounts {volume.source}, which is done with the job's role: set "
                "batchx_job_role or --batchx-job-role"
            )
    if options.execution_role or image.container.get("executionRoleArn"):
        return
    needed = {
        f"queue {platform.queue} is on Fargate, where ECS": platform.is_fargate,
        "batchx_secrets: to read them, ECS": options.secrets,
        "batchx_registry_credentials: to read them, ECS": image.credentials,
    }
    for what, is_needed in needed.items():
        if is_needed:
            yield f"{what} needs a role: set batchx_execution_role or --batchx-execution-role"


def iter_scratch_reasons(
    options: JobOptions, container: ContainerOptions, scratch: str
) -> Iterator[str]:
    """Yield what is mounted read-only where the job has to work: the innermost mount counts."""
    folder = f"{scratch.rstrip('/')}/"
    mounts = [
        (each.container_path, each.is_read_only, f"batchx_volumes mounts {each.source}")
        for each in options.volumes or ()
    ]
    mounts += [
        (each.path, "ro" in each.mount_options, "batchx_options mounts a tmpfs")
        for each in container.tmpfs
    ]
    above = [mount for mount in mounts if folder.startswith(f"{mount[0]}/")]
    for path, is_read_only, what in sorted(above, key=lambda mount: len(mount[0]))[-1:]:
        if is_read_only:
            yield (
                f"{what} read-only at {path}, where the job works: name another path, or another "
                "folder by --batchx-scratch"
            )


def iter_size_reasons(
    options: JobOptions, container: ContainerOptions, image: JobImage
) -> Iterator[str]:
    """Yield a sentence where a job definition would be too large.

    https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
    """
    parts = (
        container.make_properties(0),
        container.environment,
        [volume.make_volume() for volume in options.volumes or ()],
        [volume.make_mount_point() for volume in options.volumes or ()],
        options.secrets,
        options.tags,
        image.template,
    )
    size = len(json.dumps(parts).encode())
    if size > MOST_DEFINITION_BYTES:
        yield (
            "batchx_options, batchx_volumes, batchx_secrets, batchx_tags and the job definition "
            f"that it names take {size:,} bytes together: at most {MOST_DEFINITION_BYTES:,} find "
            "room in a job definition"
        )


def iter_name_reasons(options: JobOptions, container: ContainerOptions) -> Iterator[str]:
    """Yield what would be a variable and a secret at once, which ECS refuses.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html
    """
    secrets = {name for name, _ in options.secrets or ()}
    named = {name for name, _ in container.environment} | set(container.passed_names)
    for name in sorted(secrets & named):
        yield f"{name} is in batchx_secrets and, by -e, in batchx_options: leave one out"


def join_consumables(options: JobOptions, image: JobImage) -> list[tuple[str, int]]:
    """Return the consumable resources that a job holds: what is asked for over its definition's."""
    properties = image.template.get("consumableResourceProperties", {})
    asked = options.consumables or ()
    names = {name.rpartition("/")[2] for name, _ in asked}
    theirs = [
        (str(each["consumableResource"]), int(each["quantity"]))
        for each in properties.get("consumableResourceList", ())
        if each["consumableResource"].rpartition("/")[2] not in names
    ]
    return [*theirs, *asked]


def iter_consumable_reasons(options: JobOptions, image: JobImage) -> Iterator[str]:
    """Yield too many consumable resources of all that name some, and one named in two ways."""
    held = join_consumables(options, image)
    if len(held) > MOST_CONSUMABLES:
        yield (
            f"it holds {len(held)} consumable resources by batchx_consumables, "
            "--batchx-consumables and its job definition together: a job takes "
            f"{MOST_CONSUMABLES} at most"
        )
    names = [name.rpartition("/")[2] for name, _ in options.consumables or ()]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"batchx_consumables and --batchx-consumables name {name} by name and by ARN: keep one "
            "of them"
        )


def iter_tag_reasons(options: JobOptions, image: JobImage) -> Iterator[str]:
    """Yield a sentence on too many tags: those of job and definition together go to the ECS task.

    With more Batch moves the job to FAILED (API_SubmitJob, propagateTags).
    """
    keys = {key for key, _ in options.tags or ()} | set(image.template.get("tags", {}))
    most = MOST_TAGS - OWN_TAGS
    if len(keys) > most:
        yield (
            f"it has {len(keys)} tags by batchx_tags, --batchx-tags and its job definition "
            f"together: at most {most} are possible, for AWS allows {MOST_TAGS} and batchx adds "
            f"{OWN_TAGS}"
        )


def iter_template_reasons(
    image: JobImage, platform: Platform, architecture: Architecture
) -> Iterator[str]:
    """Yield why a job definition of the user's own does not fit a queue."""
    capabilities = image.template.get("platformCapabilities", ["EC2"])
    if image.template and platform.kind.upper() not in capabilities:
        yield (
            f"its job definition is for {', '.join(capabilities)}, but queue {platform.queue} is "
            f"on {platform.kind}: name another queue (batchx_queue) or definition"
        )
    named = image.container.get("runtimePlatform", {}).get("cpuArchitecture")
    if named and named != CPU_ARCHITECTURES[architecture]:
        yield (
            f"its job definition is for {named}, but the job is to run on {architecture}: set "
            "batchx_arch, or name another queue or definition"
        )
