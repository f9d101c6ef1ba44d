"""What a job's process finds around it: its scratch, and the environment of Batch and ECS alone.

Three things stand for the container that is not there: PATH is the server's own (for the
image's), HOME and TMPDIR lie in the scratch, and the executable ``/batchx/bin/python`` is the
server's own interpreter (for the runtime that real jobs have). AWS does not set two variables:
AWS_ENDPOINT_URL, and BATCHX_SHARED_FOLDER, a folder that the jobs share as those of a host do.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.spec import RUNTIME_PYTHON


@dataclass(frozen=True)
class Surroundings:
    """What all jobs of a server share.

    ``credentials_url`` serves roles' credentials as ECS does.
    ``shared_folder`` outlives the jobs, not the server.
    """

    endpoint_url: str
    region: str
    path: str
    credentials_url: str
    shared_folder: str


def make_scratch(attempt_id: str) -> Path:
    """A fresh folder for one attempt."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", attempt_id)
    return Path(tempfile.mkdtemp(prefix=f"batchx-{name}-"))


def remove_scratch(scratch: Path) -> None:
    """Removes an attempt's folder, whatever the job did to its permissions."""
    try:
        shutil.rmtree(scratch)
    except OSError:
        _allow_access(scratch)
        # What is left now is still in use by a process that escaped its group.
        shutil.rmtree(scratch, ignore_errors=True)


def _allow_access(folder: Path) -> None:
    """Gives us back every folder below, and the folder itself."""
    with suppress(OSError):
        folder.chmod(0o700)
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                _allow_access(Path(entry.path))


def make_container_folders(scratch: Path, name: str) -> dict[str, Path]:
    """The container's own ``work``, ``home`` and ``tmp`` in the scratch."""
    folders = {kind: scratch / name / kind for kind in ("work", "home", "tmp")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    return folders


def make_ecs_environment(
    task: StartOrder, container: ContainerOrder, around: Surroundings
) -> dict[str, str]:
    """The variables that ECS and Batch set in a container, with the job's own.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html and
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html
    """
    environment = {
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if task.is_fargate else "AWS_ECS_EC2",
        "AWS_ENDPOINT_URL": around.endpoint_url,
        "BATCHX_SHARED_FOLDER": around.shared_folder,
    }
    if task.is_fargate:
        environment |= {"AWS_REGION": around.region, "AWS_DEFAULT_REGION": around.region}
    place = _find_credentials(task)
    if place is not None:
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{around.credentials_url}/{place}"
    return {**environment, **container.environment}


def _find_credentials(task: StartOrder) -> str | None:
    """Where the credentials of a task are served; None where it gets none.

    Those of the instance, which AWS serves at an address of their own, stand for a missing role.
    """
    if task.job_role_arn is not None:
        return f"role/{task.job_role_arn.rpartition('/')[2]}/{task.task_id}"
    if task.instance_profile is not None:
        profile = task.instance_profile.rpartition("/")[2]
        return f"instance-profile/{profile}/{task.instance_id}"
    return None


def make_process_environment(
    task: StartOrder, container: ContainerOrder, around: Surroundings, folders: dict[str, Path]
) -> dict[str, str]:
    """The whole environment of a container's process."""
    return {
        "PATH": around.path,
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["tmp"]),
        "HOSTNAME": socket.gethostname(),
        **make_ecs_environment(task, container, around),
    }


def find_command(container: ContainerOrder, path: str, cwd: Path) -> list[str] | None:
    """The command with its executable found as a container's would be; None if there is none."""
    if not container.command:
        return None
    name, *arguments = container.command
    if name == RUNTIME_PYTHON:
        return [sys.executable, *arguments]
    found = shutil.which(name if "/" not in name else str(cwd / name), path=path)
    return None if found is None else [found, *arguments]
