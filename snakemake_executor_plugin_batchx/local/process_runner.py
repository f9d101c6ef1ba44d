"""Jobs as processes of this machine, for trying and testing where there is no Docker.

One thread watches all of them: their output, their ends and the grace of those that stop because an
essential one ended. Volumes, users, images and ``dependsOn`` between containers do not apply: all
containers of a task start together. A process that leaves its session (setsid) escapes its end;
a container's could not.
"""

from __future__ import annotations

import os
import queue
import selectors
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_executor_plugin_batchx.local.container_process import (
    READ_BYTES,
    ContainerProcess,
)
from snakemake_executor_plugin_batchx.local.ecs_agent import EcsAgent
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.memory_watch import PERIOD_SECONDS, MemoryWatch
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.process_environment import (
    Surroundings,
    make_scratch,
    remove_scratch,
)
from snakemake_executor_plugin_batchx.local.runners import RunnerEvents

NO_SCRATCH = "CannotCreateContainerError: Error response from daemon: "
# How often ends are looked for where the system cannot say (no pidfd: macOS).
POLL_SECONDS = 0.05


@dataclass(eq=False)
class _Task:
    """One attempt. ``ended_by`` is the container that ended it: essential, and the first."""

    order: StartOrder
    scratch: Path
    processes: list[ContainerProcess] = field(default_factory=list)
    ended_by: ContainerProcess | None = None
    kill_at: float | None = None

    def send_signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            process.send_signal(number)


class ProcessRunner:
    """See the module. Implements Runner.

    Args:
        events: whom to tell.
        around: what all jobs share.
        agent: what ECS does for containers before they start.
        grace_seconds: between SIGTERM and SIGKILL of containers whose essential sibling ended.
        memory_period_seconds: between two looks at the memory.
    """

    def __init__(
        self,
        events: RunnerEvents,
        around: Surroundings,
        agent: EcsAgent,
        *,
        grace_seconds: float = STOP_GRACE_SECONDS,
        memory_period_seconds: float = PERIOD_SECONDS,
    ):
        self._events = events
        self._around = around
        self._agent = agent
        self._grace_seconds = grace_seconds
        self._lock = threading.Lock()
        self._tasks: dict[str, _Task] = {}
        # Tasks that run, on their way to the watching thread, which alone touches the list.
        self._arrivals: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._watched: list[_Task] = []
        self._is_closing = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._wake_reading, self._wake_writing = os.pipe()
        os.set_blocking(self._wake_reading, False)
        self._selector.register(self._wake_reading, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._watch, name="batchx-jobs", daemon=True)
        self._thread.start()
        self._memory_watch = MemoryWatch(self._list_processes, memory_period_seconds)

    def start(self, order: StartOrder) -> None:
        """See Runner."""
        try:
            task = _Task(order, make_scratch(order.attempt_id))
        except OSError as error:
            refused = ContainerResult(order.containers[0].name, None, f"{NO_SCRATCH}{error}")
            self._events.report_exited(order.attempt_id, [refused])
            return
        for container in order.containers:
            process = ContainerProcess(container)
            task.processes.append(process)
            if not process.launch(order, task.scratch, self._around, self._agent):
                task.ended_by = process
                break
        with self._lock:
            self._tasks[order.attempt_id] = task
        if task.ended_by is None:
            self._events.report_started(order.attempt_id)
        else:
            task.send_signal(signal.SIGKILL)
        self._arrivals.put(task)
        self._wake()

    def stop(self, attempt_id: str) -> None:
        """See Runner."""
        self._send_signal(attempt_id, signal.SIGTERM)

    def kill(self, attempt_id: str) -> None:
        """See Runner."""
        self._send_signal(attempt_id, signal.SIGKILL)

    def close(self) -> None:
        """See Runner."""
        self._is_closing.set()
        self._wake()
        self._thread.join()
        self._memory_watch.close()
        self._selector.close()
        for handle in (self._wake_reading, self._wake_writing):
            os.close(handle)
        for task in self._tasks.values():
            for process in task.processes:
                if process.is_running:
                    process.bury()
            remove_scratch(task.scratch)

    def _send_signal(self, attempt_id: str, number: signal.Signals) -> None:
        with self._lock:
            task = self._tasks.get(attempt_id)
        if task is not None:
            task.send_signal(number)

    def _list_processes(self) -> list[ContainerProcess]:
        with self._lock:
            return [process for task in self._tasks.values() for process in task.processes]

    def _wake(self) -> None:
        os.write(self._wake_writing, b"x")

    def _watch(self) -> None:
        while not self._is_closing.is_set():
            for key, _ in self._selector.select(self._find_patience()):
                if key.fd == self._wake_reading:
                    with suppress(BlockingIOError):
                        os.read(self._wake_reading, READ_BYTES)
                elif key.data is not None and not key.data.read_output():
                    # Closed by the process, which may run on; what is left is read at its end.
                    self._selector.unregister(key.fd)
            while not self._arrivals.empty():
                self._welcome(self._arrivals.get())
            for task in list(self._watched):
                self._look_after(task)

    def _find_patience(self) -> float | None:
        """Seconds that the watching thread may sleep; None until something happens."""
        now = time.monotonic()
        due = [task.kill_at - now for task in self._watched if task.kill_at is not None]
        running = [each for task in self._watched for each in task.processes if each.is_running]
        if any(each.exit_handle < 0 for each in running):
            due.append(POLL_SECONDS)
        return max(min(due), 0.0) if due else None

    def _welcome(self, task: _Task) -> None:
        self._watched.append(task)
        for process in task.processes:
            if process.output >= 0:
                self._selector.register(process.output, selectors.EVENT_READ, process)
            if process.exit_handle >= 0:
                # Its readiness alone matters: it wakes the thread.
                self._selector.register(process.exit_handle, selectors.EVENT_READ)

    def _look_after(self, task: _Task) -> None:
        """Takes note of processes that ended, and ends the task with its first essential one."""
        for process in task.processes:
            if process.has_exited():
                self._bury(process)
                if process.order.is_essential and task.ended_by is None:
                    task.ended_by = process
                    task.kill_at = time.monotonic() + self._grace_seconds
                    task.send_signal(signal.SIGTERM)
        if task.kill_at is not None and task.kill_at <= time.monotonic():
            task.kill_at = None
            task.send_signal(signal.SIGKILL)
        if not any(process.is_running for process in task.processes):
            self._finish(task)

    def _bury(self, process: ContainerProcess) -> None:
        for handle in (process.output, process.exit_handle):
            if handle in self._selector.get_map():
                self._selector.unregister(handle)
        process.bury()

    def _finish(self, task: _Task) -> None:
        self._watched.remove(task)
        with self._lock:
            del self._tasks[task.order.attempt_id]
        remove_scratch(task.scratch)
        in_order = sorted(task.processes, key=lambda each: each is not task.ended_by)
        results = [each.result for each in in_order if each.result is not None]
        self._events.report_exited(task.order.attempt_id, results)
