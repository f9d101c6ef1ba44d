"""Threads that do a run's slow steps."""

import functools
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.ports import Log

QUICK_THREADS = 2
"""How many steps are done at once while they are quick: more would fight for the interpreter."""

SLOW_STEPS = 10
"""Who does fewer between two calls of `hasten` spends the time waiting, and others may help."""

JOB_THREADS = 8
"""How many at most; the files of jobs move in a pool of their own."""

JOBS_IN_A_ROW = 64

SUBMIT_THREADS = 4
"""How many submissions are under way at once; what Batch keeps waiting holds up no other work."""

Work = tuple[int, Callable[[], None]]
"""A step, and of how many jobs it is."""


class GiveUp(Protocol):
    """How jobs end that a step failed for."""

    def __call__(self, jobs: Sequence[TrackedJob], message: str, kind: str) -> None:
        """Conclude those that have no outcome yet."""


class Workers:
    """Does steps in the background; whatever goes wrong in one becomes its jobs' outcome.

    To be closed.
    """

    def __init__(self, give_up: GiveUp, log: Log) -> None:
        self._give_up = give_up
        self._log = log
        self._lock = threading.Lock()
        self._waiting: deque[Work] = deque()
        self._active = 0
        self._done = 0
        self._is_closed = False
        self._job_pool = ThreadPoolExecutor(JOB_THREADS, thread_name_prefix="batchx-job")
        self._submit_pool = ThreadPoolExecutor(SUBMIT_THREADS, thread_name_prefix="batchx-submit")

    def start_job_step(
        self, jobs: Sequence[TrackedJob], step: Callable[..., None], *args: Any
    ) -> None:
        """Begin to prepare or collect."""
        self._start([(len(jobs), functools.partial(self.do, jobs, step, *args))])

    def start_job_steps(
        self, step: Callable[[TrackedJob], None], jobs: Sequence[TrackedJob]
    ) -> None:
        """Begin a step of many jobs."""
        self._start([(1, functools.partial(self.do, [job], step, job)) for job in jobs])

    def start_rows(
        self, step: Callable[[Sequence[Any]], None], works: Sequence[tuple[Any, ...]]
    ) -> None:
        """Begin a step that takes many jobs at once; each of `works` begins with its job."""
        for start in range(0, len(works), JOBS_IN_A_ROW):
            row = works[start : start + JOBS_IN_A_ROW]
            self.start_job_step([work[0] for work in row], step, row)

    def hasten(self) -> None:
        """Let more threads help where steps are slow; to be called now and then."""
        with self._lock:
            is_slow = self._done < SLOW_STEPS * self._active
            self._done = 0
            if is_slow:
                self._call_in(min(JOB_THREADS, self._active + QUICK_THREADS))

    def start_submission(
        self, jobs: Sequence[TrackedJob], step: Callable[..., None], *args: Any
    ) -> None:
        """Begin to submit."""
        self._submit_pool.submit(self.do, jobs, step, *args)

    def close(self) -> None:
        """Wait for what has begun; what has not is dropped."""
        self._submit_pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
        self._job_pool.shutdown(wait=True)

    def do(self, jobs: Sequence[TrackedJob], step: Callable[..., None], *args: Any) -> None:
        """Do a step here and now."""
        try:
            step(*args)
        except (BatchxError, OSError) as error:
            self._give_up(jobs, str(error), "batchx")
        except Exception as error:  # noqa: BLE001 - a bug of ours must fail its job, not hang it
            self._log.debug(traceback.format_exc())
            self._give_up(jobs, f"batchx failed: {type(error).__name__}: {error}", "bug")

    def _start(self, works: Sequence[Work]) -> None:
        with self._lock:
            if not self._is_closed:
                self._waiting += works
                self._call_in(QUICK_THREADS)

    def _call_in(self, threads: int) -> None:
        """Let up to so many threads work through what waits; the lock is held."""
        missing = min(threads - self._active, len(self._waiting))
        for _ in range(missing):
            self._active += 1
            self._job_pool.submit(self._work_through)

    def _work_through(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._active -= 1
                    return
                count, work = self._waiting.popleft()
                self._done += count
            try:
                work()
            except Exception:  # noqa: BLE001 - the thread has others' work to do
                self._log.warning(f"batchx: {traceback.format_exc()}")
