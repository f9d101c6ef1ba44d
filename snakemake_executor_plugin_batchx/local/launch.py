"""Starts the embedded AWS as a process of its own, which ends with its parent.

Light to import: the executor does, in every job.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from snakemake_executor_plugin_batchx.errors import BatchxError

START_SECONDS = 60.0
STOP_SECONDS = 90.0
"""Removing some hundred containers takes that long."""
MISSING = (
    "The embedded AWS needs moto. Install it with: "
    "pip install 'snakemake-executor-plugin-batchx[local]'"
)


PROCESS = "process"
DOCKER = "docker"
RUNNERS = (PROCESS, DOCKER)


class EmbeddedAwsError(BatchxError):
    """The embedded AWS could not start; the text says why."""


@dataclasses.dataclass(frozen=True)
class RuntimeTrees:
    """The job runtime's folders on this machine.

    ``base`` is mounted at /batchx and holds an empty folder ``plugin``; ``own`` is mounted there.
    """

    base: str
    own: str


@dataclasses.dataclass(frozen=True)
class RegistryAccess:
    """The registry behind ECR's: ``host:port``, and the file with its user AWS's password."""

    host: str
    password_file: str

    def read_password(self) -> str:
        """The password now: whoever runs the registry may change it."""
        return Path(self.password_file).read_text().strip()


@dataclasses.dataclass(frozen=True)
class EmbeddedAws:
    """Where a running embedded AWS is, what its account holds and what runs its jobs.

    The account's own key may do everything; the head's what its policy allows. ``registry_host``
    is ECR's ``host:port``, empty where ECR has no registry.
    """

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    bucket: str
    job_queue: str
    job_role_arn: str
    execution_role_arn: str
    pid: int
    head_access_key_id: str
    head_secret_access_key: str
    runner: str = PROCESS
    registry_host: str = ""
    head_role_arn: str = ""


def make_environment(aws: EmbeddedAws) -> dict[str, str]:
    """The environment variables with which boto3, the AWS CLI and batchx use it."""
    return {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": aws.access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.secret_access_key,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_REGION": aws.region,
    }


def make_command(
    *,
    vcpus: float | None = None,
    memory_mib: int | None = None,
    runner: str = PROCESS,
    runtime: RuntimeTrees | None = None,
    registry: RegistryAccess | None = None,
    region: str | None = None,
) -> list[str]:
    """The command that runs the server, with launch_embedded_aws's arguments.

    Raises:
        EmbeddedAwsError: moto is not installed.
    """
    if importlib.util.find_spec("moto") is None:
        raise EmbeddedAwsError(MISSING)
    # -P: the user's folder may hold a json.py.
    command = [sys.executable, "-P", "-m", __package__ or "snakemake_executor_plugin_batchx.local"]
    command += ["--runner", runner]
    if region:
        command += ["--region", region]
    if vcpus is not None:
        command += ["--vcpus", str(vcpus)]
    if memory_mib is not None:
        command += ["--memory-mib", str(memory_mib)]
    if runtime is not None:
        command += ["--runtime-base", runtime.base, "--runtime-own", runtime.own]
    if registry is not None:
        command += ["--ecr-registry", registry.host]
        command += ["--ecr-password-file", registry.password_file]
    return command


def start_process(
    command: list[str], environment: Mapping[str, str], *, stdin: int, errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Starts the server in a session of its own, without what would disturb it.

    Args:
        command: as make_command has it.
        environment: the caller's; AWS settings, moto's and proxies do not reach the server.
        stdin: as subprocess takes it.
        errors: where the server's stderr goes.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(("AWS_", "MOTO_")) and not name.upper().endswith("_PROXY")
    }
    return subprocess.Popen(
        command,
        env=kept,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )


def read_announcement(
    process: subprocess.Popen[bytes], errors: IO[bytes], seconds: float = START_SECONDS
) -> EmbeddedAws:
    """Waits for the server's one line.

    Raises:
        EmbeddedAwsError: it did not come in time; the text ends with what the server wrote to
            stderr.
    """
    line = _read_line(process, seconds)
    if not line.endswith(b"\n"):
        process.kill()
        process.wait()
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip()
        raise EmbeddedAwsError(f"The embedded AWS did not start within {seconds:g} s.\n{said}")
    return EmbeddedAws(**json.loads(line))


@contextlib.contextmanager
def launch_embedded_aws(
    *,
    vcpus: float | None = None,
    memory_mib: int | None = None,
    runner: str = PROCESS,
    runtime: RuntimeTrees | None = None,
    registry: RegistryAccess | None = None,
    region: str | None = None,
) -> Iterator[EmbeddedAws]:
    """Runs an embedded AWS for as long as the context lasts; its jobs are killed with it.

    It has a session of its own, so that Ctrl-C in a terminal does not reach it before its parent
    cancelled its jobs, and it ends when its stdin does: also when the parent is killed.

    Args:
        vcpus: how many its jobs may use together; by default the machine's.
        memory_mib: how much memory its jobs may use together; by default the machine's.
        runner: what runs its jobs, ``process`` or ``docker``.
        runtime: what the Docker runner mounts at /batchx; None where images hold it.
        registry: what stands behind its ECR; None for an ECR without images.
        region: where it is, and so of which partition; by default us-east-1.

    Raises:
        EmbeddedAwsError: it could not start.
    """
    command = make_command(
        vcpus=vcpus,
        memory_mib=memory_mib,
        runner=runner,
        runtime=runtime,
        registry=registry,
        region=region,
    )
    with tempfile.TemporaryFile() as errors:
        process = start_process(command, os.environ, stdin=subprocess.PIPE, errors=errors)
        with process:
            try:
                yield read_announcement(process, errors)
            finally:
                stop_process(process)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Closes the server's stdin, its sign to end, and waits for it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The first line of the process's stdout, or what came of it in time."""
    if process.stdout is None:
        return b""
    deadline = time.monotonic() + seconds
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(deadline - time.monotonic()):
            piece = process.stdout.read1(4096)  # type: ignore[attr-defined]
            if not piece:
                break
            line += piece
    return line
