"""Volumes of a container: folders of the host, EFS and S3 Files file systems."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.names import hash_content
from snakemake_executor_plugin_batchx.plan.pairs import list_texts
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.plan.volume_sources import (
    EFS,
    S3_FILES,
    FileSystem,
    HostFolder,
    parse_mount,
)

EXAMPLE = "/data:/data:ro efs://fs-0123456789abcdef0:/ref"

SEPARATOR = re.compile(rf",?\s+,?|,(?=/|{EFS}|{S3_FILES})")
"""A comma separates volumes only where another begins: options have commas of their own."""

NEEDED_PLATFORM = "1.4.0"
"""What AWS wants said of Fargate where a task has a file system: it has refused LATEST, which means
the same (https://docs.aws.amazon.com/batch/latest/APIReference/API_Volume.html)."""


@dataclass(frozen=True)
class VolumeMount:
    """A folder of a host or file system, and where a container has it."""

    source: HostFolder | FileSystem
    container_path: str
    is_read_only: bool = False

    @property
    def is_of_host(self) -> bool:
        """Tell whether it is a folder of the host, which Fargate has not."""
        return isinstance(self.source, HostFolder)

    @property
    def is_s3_files(self) -> bool:
        """Tell whether it is of an S3 Files file system, which only Fargate can mount."""
        return isinstance(self.source, FileSystem) and self.source.is_s3_files

    @property
    def needs_job_role(self) -> bool:
        """Tell whether the mount is made with the job's role, so that the job must have one.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSAuthorizationConfig.html and
        https://docs.aws.amazon.com/batch/latest/userguide/s3files-volumes.html
        """
        source = self.source
        return isinstance(source, FileSystem) and (source.is_s3_files or source.has_iam)

    def make_volume(self) -> dict[str, Any]:
        """Return a Volume of Batch whose name tells what it is of: mounts of one source share it.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_Volume.html
        """
        configuration = self.source.make_configuration()
        return {"name": f"bx-{hash_content(configuration)[:16]}", **configuration}

    def make_mount_point(self) -> dict[str, Any]:
        """Return a MountPoint of Batch.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_MountPoint.html
        """
        return {
            "sourceVolume": self.make_volume()["name"],
            "containerPath": self.container_path,
            "readOnly": self.is_read_only,
        }


def parse_volumes(given: object) -> tuple[VolumeMount, ...]:
    """Read the volumes in a text or in several, separated by blanks or commas.

    Raises WrongValueError with a reason for each mistake.
    """
    texts = list_texts(given, EXAMPLE)
    items = [item for text in texts for item in SEPARATOR.split(text.strip(" ,")) if item]
    volumes, reasons = [], []
    for item in items:
        try:
            volumes.append(VolumeMount(*parse_mount(item)))
        except WrongValueError as error:
            reasons += [f"holds {item!r}, {reason}" for reason in error.reasons]
    paths = [volume.container_path for volume in volumes]
    reasons += [
        f"mounts {path} more than once: keep one volume for each path of the container"
        for path in sorted({path for path in paths if paths.count(path) > 1})
    ]
    if reasons:
        raise WrongValueError(*reasons)
    return tuple(volumes)


def join_volumes(
    own: Iterable[VolumeMount], default: Iterable[VolumeMount]
) -> tuple[VolumeMount, ...]:
    """Return the volumes of both; where both mount something at a path, one's own counts."""
    of_path = {volume.container_path: volume for volume in (*default, *own)}
    return tuple(of_path.values())


def list_fargate_problems(volumes: Iterable[VolumeMount]) -> list[str]:
    """Return a reason for each volume that a task on Fargate cannot have."""
    return [
        f"mounts {volume.source} at {volume.container_path}, but Fargate has no hosts: use EFS, or "
        "a queue for EC2"
        for volume in volumes
        if volume.is_of_host
    ]


def list_ec2_problems(volumes: Iterable[VolumeMount]) -> list[str]:
    """Return a reason for each volume that a job on EC2 cannot have.

    "If you configure an S3 file system in a job definition and attempt to run it on the Amazon EC2
    launch type, the job will fail at launch" (https://docs.aws.amazon.com/batch/latest/userguide/
    s3files-volumes.html).
    """
    return [
        f"mounts {volume.source} at {volume.container_path}, but AWS Batch mounts S3 Files on "
        "Fargate only: use a queue for Fargate, or EFS"
        for volume in volumes
        if volume.is_s3_files
    ]


def is_file_system(volume: Mapping[str, Any]) -> bool:
    """Tell whether a Volume of Batch is of EFS or S3 Files."""
    return bool(volume.keys() & {"efsVolumeConfiguration", "s3filesVolumeConfiguration"})


def list_taken(container: Mapping[str, Any]) -> frozenset[str]:
    """Return the paths at which a container (containerProperties) has something mounted."""
    mounts = container.get("mountPoints", ())
    return frozenset(str(each.get("containerPath", "")).rstrip("/") or "/" for each in mounts)


def add_volumes(container: dict[str, Any], volumes: Iterable[VolumeMount]) -> None:
    """Add volumes and their mount points to a container (containerProperties).

    Raises WrongValueError, and adds nothing, where one's path is taken already.
    """
    mounts = tuple(volumes)
    taken = list_taken(container)
    reasons = [
        f"mounts {each.source} at {each.container_path}, where the container has something mounted "
        "already: name another path"
        for each in mounts
        if each.container_path in taken
    ]
    if reasons:
        raise WrongValueError(*reasons)
    if not mounts:
        return
    present = list(container.get("volumes", ()))
    added = {each["name"]: each for each in (mount.make_volume() for mount in mounts)}
    names = {each.get("name") for each in present}
    container["volumes"] = [*present, *(added[name] for name in added if name not in names)]
    points = [mount.make_mount_point() for mount in mounts]
    container["mountPoints"] = [*container.get("mountPoints", ()), *points]
