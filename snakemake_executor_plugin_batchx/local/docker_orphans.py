"""Containers and volumes of embedded AWSs that were killed: found by their label, and removed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from snakemake_executor_plugin_batchx.local.docker_containers import LABEL
from snakemake_executor_plugin_batchx.local.docker_engine import DaemonError, DockerEngine

PROC = Path("/proc")


def make_server_label(pid: int | None = None) -> str:
    """``<process>:<its start>:<pid namespace>``, which no other process ever has.

    Raises:
        OSError: there is no such process.
    """
    process = PROC / str(os.getpid() if pid is None else pid)
    # The name may hold blanks and parentheses: the fields after the last ")" are safe.
    started = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    return f"{process.name}:{started}:{_read_namespace()}"


def is_server_dead(label: str) -> bool:
    """True if the server that made the label has ended; False also if that cannot be known."""
    pid, _, rest = label.partition(":")
    if not pid.isdecimal() or rest.partition(":")[2] != _read_namespace():
        return False
    try:
        return make_server_label(int(pid)) != label
    except OSError:
        return True


def sweep_orphans(engine: DockerEngine) -> None:
    """Removes what servers that are dead left; what cannot be removed is told on stderr.

    Raises:
        DaemonError: the engine lists nothing.
    """
    for found, remove in (
        (engine.list_containers(LABEL), engine.remove),
        (engine.list_volumes(LABEL), engine.remove_volume),
    ):
        for identifier in (each for each, label in found.items() if is_server_dead(label)):
            try:
                remove(identifier)
            except DaemonError as error:
                sys.stderr.write(f"An earlier server left {identifier} in Docker: {error}\n")


def _read_namespace() -> str:
    return os.readlink(PROC / "self" / "ns" / "pid").strip("pid:[]")
