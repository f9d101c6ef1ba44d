"""One container of a job as a process of this machine: started, read, signalled, buried."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from snakemake_executor_plugin_batchx.local.ecs_agent import EcsAgent, Nowhere, StartRefusedError
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.log_sink import (
    LineSplitter,
    LogSink,
)
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.local.process_environment import (
    Surroundings,
    find_command,
    make_container_folders,
    make_process_environment,
)
from snakemake_executor_plugin_batchx.local.process_table import list_session_members
from snakemake_executor_plugin_batchx.local.runners import (
    DAEMON,
    OUT_OF_MEMORY,
)

READ_BYTES = 64 * 1024
KILL_ROUNDS = 10

# How long the output of a session that was killed may take to end.
DRAIN_SECONDS = 1.0

CANNOT_EXECUTE = (
    DAEMON + "failed to create task for container: failed to create shim task: OCI runtime create "
    'failed: runc create failed: unable to start container process: exec: "{name}": {why}: unknown'
)
NOT_IN_PATH = "executable file not found in $PATH"
NO_FILE = "stat {name}: no such file or directory"
NO_COMMAND = (
    "CannotCreateContainerError: Error response from daemon: No command specified (the process "
    "runner has no image whose CMD could be run)"
)


class ContainerProcess:
    """A process in a session of its own, whose output goes to a log stream line by line.

    Any thread may signal it; one thread reads, looks for its end and buries it.

    Attributes:
        order: what to run.
        result: how it ended; None before.
        output: the pipe's end to read from; -1 where there is none.
        exit_handle: becomes readable at its end (Linux); -1 where there is none.
    """

    def __init__(self, order: ContainerOrder):
        self.order = order
        self.result: ContainerResult | None = None
        self.output = -1
        self.exit_handle = -1
        self._logs: LogSink | Nowhere = Nowhere()
        self._lines = LineSplitter()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_out_of_memory = False
        # Held while the process may be reaped: its number is its own only until then.
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        """True from its start until it is buried."""
        return self._process is not None and self.result is None

    @property
    def session(self) -> int:
        """The number of its session, which is its own; 0 before it started."""
        return 0 if self._process is None else self._process.pid

    def launch(
        self, task: StartOrder, scratch: Path, around: Surroundings, agent: EcsAgent
    ) -> bool:
        """Starts the process; returns False, with ``result`` set, if it cannot start."""
        try:
            _, secrets = agent.fetch_secrets(task, self.order)
            self._logs = agent.open_log(task, self.order)
            reason = self._spawn(task, scratch, around, secrets)
        except StartRefusedError as error:
            self.result = ContainerResult(self.order.name, None, error.reason, error.task_reason)
            return False
        except (OSError, ValueError) as error:
            reason = f"{DAEMON}{error}"
        if reason is not None:
            self.result = ContainerResult(self.order.name, None, reason)
            return False
        return True

    def send_signal(self, number: signal.Signals) -> None:
        """Signals the process, unless it is over: like ECS, the container's first alone.

        SIGKILL ends all of the session, as a container ends with all that is in it.
        """
        with self._lock:
            if not self.is_running:
                return
            if number == signal.SIGKILL:
                self._kill_session()
            else:
                os.kill(self.session, number)

    def kill_for_memory(self) -> None:
        """Ends the process as the kernel ends a container that exceeds its memory."""
        with self._lock:
            if self.is_running:
                self._is_out_of_memory = True
                self._kill_session()

    def has_exited(self) -> bool:
        """True once the process ended and waits to be buried."""
        if self._process is None or not self.is_running:
            return False
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None

    def read_output(self) -> bool:
        """Passes a piece of output on, which must be there; returns False at its end."""
        data = os.read(self.output, READ_BYTES)
        self._put(self._lines.feed(data) if data else self._lines.finish())
        return bool(data)

    def bury(self) -> None:
        """Notes how the process ended, after its session's end and its last output.

        Call it once ``has_exited``, with ``output`` and ``exit_handle`` registered nowhere.
        """
        with self._lock:
            if self._process is None:
                return
            self._kill_session()
            code = self._process.wait()
            # As Docker tells it: a process that a signal ended has 128 + the signal's number.
            exit_code = 128 - code if code < 0 else code
            reason = OUT_OF_MEMORY if self._is_out_of_memory else None
            self.result = ContainerResult(self.order.name, exit_code, reason)
        self._drain()
        for handle in (self.output, self.exit_handle):
            if handle >= 0:
                os.close(handle)
        self.output = self.exit_handle = -1

    def _spawn(
        self, task: StartOrder, scratch: Path, around: Surroundings, secrets: Mapping[str, str]
    ) -> str | None:
        """Starts the process; returns the reason if its command is not there.

        Raises:
            OSError: the system refuses, for want of space or handles.
            ValueError: a NUL in an argument or variable.
        """
        if not self.order.command:
            return NO_COMMAND
        folders = make_container_folders(scratch, self.order.name)
        own = make_process_environment(task, self.order, around, folders)
        environment = {**own, **secrets}
        command = find_command(self.order, environment["PATH"], folders["work"])
        if command is None:
            name = self.order.command[0]
            why = NO_FILE.format(name=name) if "/" in name else NOT_IN_PATH
            return CANNOT_EXECUTE.format(name=name, why=why)
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=folders["work"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self.output = reading
        if hasattr(os, "pidfd_open"):
            self.exit_handle = os.pidfd_open(self._process.pid)
        return None

    def _kill_session(self) -> None:
        # A group whose members are all zombies may be refused (EPERM on macOS).
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.session, signal.SIGKILL)
        # Its processes may have made groups of their own, and may fork while they are killed.
        for _ in range(KILL_ROUNDS):
            members = [pid for pid in list_session_members(self.session) if pid != self.session]
            for pid in members:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not members:
                break

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ)
            while selector.select(max(end - time.monotonic(), 0.0)) and self.read_output():
                pass
        self._put(self._lines.finish())

    def _put(self, messages: list[str]) -> None:
        if messages:
            self._logs.put(self.order.log_group, self.order.log_stream, messages)
