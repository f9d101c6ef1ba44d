"""A runner whose hosts are taken away now and then: spot interruptions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents

INSTANCE = "i-0123456789abcdef0"


@dataclass(frozen=True)
class SpotPlan:
    """Which attempts lose their host, and when.

    ``rate`` is a share of attempts, ``longest_seconds`` after its start an attempt is safe, and
    of ``attempts`` (a job's allowed ones) the last is never interrupted.
    """

    rate: float
    longest_seconds: float
    attempts: int


class SpotRunner:
    """Implements Runner around another one, and stands between it and whom it tells.

    Args:
        events: whom to tell.
        make_runner: makes the runner that does the work.
        plan: which attempts are interrupted.
        random: draws them, and their moments.
    """

    def __init__(
        self,
        events: RunnerEvents,
        make_runner: Callable[[RunnerEvents], Runner],
        plan: SpotPlan,
        random: Random,
    ):
        self._events = events
        self._plan = plan
        self._random = random
        self._lock = threading.Lock()
        self._timers: dict[str, threading.Timer] = {}
        self._taken: set[str] = set()
        self._runner = make_runner(self)

    def start(self, order: StartOrder) -> None:
        """See Runner."""
        timer = None
        number = int(order.attempt_id.rpartition("#")[2])
        if number < self._plan.attempts and self._random.random() < self._plan.rate:
            seconds = self._random.uniform(0.0, self._plan.longest_seconds)
            timer = threading.Timer(seconds, self._take_host, (order.attempt_id,))
            timer.daemon = True
            with self._lock:
                self._timers[order.attempt_id] = timer
        self._runner.start(order)
        if timer is not None:
            timer.start()

    def stop(self, attempt_id: str) -> None:
        """See Runner."""
        self._runner.stop(attempt_id)

    def kill(self, attempt_id: str) -> None:
        """See Runner."""
        self._runner.kill(attempt_id)

    def close(self) -> None:
        """See Runner."""
        with self._lock:
            timers = list(self._timers.values())
        for timer in timers:
            timer.cancel()
        self._runner.close()

    def report_started(self, attempt_id: str) -> None:
        """See RunnerEvents."""
        self._events.report_started(attempt_id)

    def report_exited(self, attempt_id: str, results: Sequence[ContainerResult]) -> None:
        """See RunnerEvents: a killed attempt's host was lost, one that was quicker just ended."""
        with self._lock:
            timer = self._timers.pop(attempt_id, None)
            is_taken = attempt_id in self._taken
        if timer is not None:
            timer.cancel()
        if is_taken and results[0].exit_code != 0:
            self._events.report_host_lost(attempt_id, INSTANCE)
        else:
            self._events.report_exited(attempt_id, results)

    def report_host_lost(self, attempt_id: str, instance_id: str) -> None:
        """See RunnerEvents."""
        self._events.report_host_lost(attempt_id, instance_id)

    def _take_host(self, attempt_id: str) -> None:
        with self._lock:
            if attempt_id not in self._timers:
                return
            self._taken.add(attempt_id)
        self._runner.kill(attempt_id)
