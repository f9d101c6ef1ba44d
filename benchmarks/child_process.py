"""What a command takes, from the start of its process to its end: time, CPU and memory."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figures:
    """What a process took: CPU of it and its children, wall time, memory at its highest.

    Linux counts the memory of who starts a process as its own until it is another program: below
    the caller's own peak `peak_rss_mib` says nothing.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_rss_mib: float


def time_command(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path
) -> Figures:
    """Run a command in a folder to its end, its output in `log`; return what it took.

    Raises RuntimeError with its last words where it fails.
    """
    with log.open("wb") as file:
        started = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall_seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{log.read_text()[-5000:]}")
    return Figures(usage.ru_utime + usage.ru_stime, wall_seconds, usage.ru_maxrss / 1024)
