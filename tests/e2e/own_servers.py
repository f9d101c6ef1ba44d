"""Embedded AWS's of the tests' own making, each a module here that is run as a process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.fault_world import make_tests_environment

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    read_announcement,
    start_process,
    stop_process,
)


@contextmanager
def run_server(module: str, folder: Path, *args: str) -> Iterator[EmbeddedAws]:
    """Run a server for as long as the context lasts; its log goes to a folder."""
    command = [sys.executable, "-m", f"e2e.{module}", *args]
    with (folder / "server.log").open("w+b") as errors:
        environment = make_tests_environment()
        with start_process(command, environment, stdin=subprocess.PIPE, errors=errors) as process:
            try:
                yield read_announcement(process, errors)
            finally:
                stop_process(process)
