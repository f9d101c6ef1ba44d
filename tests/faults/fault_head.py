"""The real head: Snakemake with our executor, in a session of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "snakemake", "--executor", "batchx", "-j", "20")
UNLOCK_SECONDS = 60.0


def restore_interrupts() -> None:
    """Let this process's children be interrupted; a shell's background jobs inherit otherwise."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Head:
    """A running head."""

    process: subprocess.Popen[bytes]

    def wait(self, seconds: float) -> int | None:
        """Return its exit code, None if it has not ended in time."""
        try:
            return self.process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return None

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGTERM to the head alone, others to its process group."""
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGTERM:
                self.process.send_signal(number)
            else:
                os.killpg(self.process.pid, number)


@contextlib.contextmanager
def start_head(folder: Path, environment: Mapping[str, str], log: Path) -> Iterator[Head]:
    """Start a head in a folder; what it says is added to a log. Left running, it is killed.

    As the documentation has it after a head was killed: unlocked, and with --rerun-incomplete.
    """
    if any((folder / ".snakemake" / "locks").glob("*")):
        _run_unlock(folder, environment, log)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*COMMAND, "--rerun-incomplete"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    head = Head(process)
    with process:
        try:
            yield head
        finally:
            head.send(signal.SIGKILL)


def _run_unlock(folder: Path, environment: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        subprocess.run(
            [sys.executable, "-m", "snakemake", "--unlock"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=UNLOCK_SECONDS,
            check=False,
        )
