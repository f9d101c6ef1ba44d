"""Which runner runs the jobs of an embedded AWS on this machine.

Light to import: the executor does, in every job.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    PROCESS,
    EmbeddedAwsError,
    RuntimeTrees,
)

AUTO = "auto"
NO_RUNTIME = "there is no job runtime that could be mounted into containers"


@dataclass(frozen=True)
class RunnerChoice:
    """The runner, and the runtime that it mounts.

    ``doubt`` says why ``auto`` did not choose Docker; empty otherwise.
    """

    runner: str
    runtime: RuntimeTrees | None = None
    doubt: str = ""


def choose_runner(wanted: str, provide_runtime: Callable[[], RuntimeTrees] | None) -> RunnerChoice:
    """Chooses between Docker and processes.

    Args:
        wanted: ``auto`` (Docker where an engine is usable and the runtime can be had), ``docker``
            or ``process``.
        provide_runtime: builds or finds the job runtime; None where images hold it, which
            ``auto`` does not count on.

    Raises:
        EmbeddedAwsError: Docker is wanted and cannot be used.
        BatchxError: Docker is wanted and the runtime cannot be built.
    """
    if wanted == PROCESS:
        return RunnerChoice(PROCESS)
    problem = find_docker_problem()
    if problem is not None:
        if wanted == DOCKER:
            raise EmbeddedAwsError(
                f"Jobs cannot run in Docker on this machine: {problem}. Mend that, or run them as "
                "processes (--batchx-local-runner process)."
            )
        return RunnerChoice(PROCESS, doubt=problem)
    if provide_runtime is None:
        is_docker = wanted == DOCKER
        return RunnerChoice(wanted) if is_docker else RunnerChoice(PROCESS, doubt=NO_RUNTIME)
    try:
        return RunnerChoice(DOCKER, provide_runtime())
    except BatchxError as error:
        if wanted == DOCKER:
            raise
        return RunnerChoice(PROCESS, doubt=str(error).rstrip("."))


def find_docker_problem() -> str | None:
    """Why jobs cannot run in a Docker engine here; None if they can."""
    if sys.platform != "linux":
        return "containers share this machine's network on Linux only"
    if importlib.util.find_spec("docker") is None:
        return "the Python package docker is not installed"
    # Heavy, and not everybody's.
    from snakemake_executor_plugin_batchx.local.docker_engine import (  # noqa: PLC0415
        DaemonError,
        open_engine,
    )

    try:
        engine = open_engine()
    except DaemonError as error:
        return f"no Docker engine answers ({error})"
    try:
        return engine.find_problem()
    except DaemonError as error:
        return f"the Docker engine does not answer ({error})"
    finally:
        engine.close()
