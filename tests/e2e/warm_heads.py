"""Snakemake heads that need not import Snakemake: the client of warm_head_server.py."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from runs import Run, keep_environment

SERVER = Path(__file__).with_name("warm_head_server.py")

AT_START = ("PYTHON", "LC_", "LANG", "LD_", "PATH", "TMPDIR")
"""Variables that act when a process starts or imports: all heads have those of the server."""


class WarmHeads:
    """A server that forks heads.

    Args:
        server: a stream whose packets are its requests and answers.
    """

    def __init__(self, server: socket.socket) -> None:
        self._server = server

    def run(
        self,
        args: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        timeout_seconds: float,
    ) -> Run:
        """Run `python -m snakemake` with these arguments as run_command would."""
        late = [name for name in environment if name.startswith(AT_START)]
        if late:
            raise ValueError(f"{', '.join(late)} must be there when Python starts")
        variables = {**keep_environment(), **environment}
        request = {"args": [*args], "folder": str(folder), "environment": variables}
        reading, writing = os.pipe()
        with os.fdopen(reading) as output:
            try:
                socket.send_fds(self._server, [json.dumps(request).encode()], [writing])
            finally:
                os.close(writing)
            child = self._receive_number()
            timer = threading.Timer(timeout_seconds, os.kill, (child, signal.SIGKILL))
            timer.start()
            try:
                said = output.read()
            except BaseException:  # pytest's own timeout, Ctrl-C
                os.kill(child, signal.SIGKILL)
                raise
            finally:
                exit_code = self._receive_number()
                is_late = not timer.is_alive()
                timer.cancel()
        if is_late:
            raise subprocess.TimeoutExpired([*args], timeout_seconds, said)
        return Run(exit_code, said)

    def _receive_number(self) -> int:
        return int(self._server.recv(100))


@contextlib.contextmanager
def serve_heads() -> Iterator[WarmHeads]:
    """Run a server for as long as the context lasts."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno())],
                env=keep_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        with process, ours:  # it ends when ours is closed
            yield WarmHeads(ours)
