"""Threads that do a run's slow steps."""

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.ports import Log

JOB_THREADS = 8
"""How many jobs are prepared or collected at once; their files move in a pool of their own."""

JOBS_IN_A_ROW = 16

SUBMIT_THREADS = 4
"""How many submissions are under way at once; what Batch keeps waiting holds up no other work."""


class Conclude(Protocol):
    """How a job ends."""

    def __call__(self, job: TrackedJob, message: str | None, kind: str) -> None:
        """Set the outcome of a job that has none yet; None as message means success."""


class Workers:
    """Does steps in the background; whatever goes wrong in one becomes its jobs' outcome.

    To be closed.
    """

    def __init__(self, conclude: Conclude, log: Log) -> None:
        self._conclude = conclude
        self._log = log
        self._job_pool = ThreadPoolExecutor(JOB_THREADS, thread_name_prefix="batchx-job")
        self._submit_pool = ThreadPoolExecutor(SUBMIT_THREADS, thread_name_prefix="batchx-submit")

    def start_job_step(
        self, jobs: Sequence[TrackedJob], step: Callable[..., None], *args: Any
    ) -> None:
        """Begin to prepare or collect."""
        self._job_pool.submit(self._do, jobs, step, *args)

    def start_job_steps(self, step: Callable[..., None], works: Sequence[tuple[Any, ...]]) -> None:
        """Begin a step of many jobs: each of `works` is a job and what else the step is given.

        A thread does some in a row, for to hand each over by itself would cost more than many a
        step does; but no thread stays idle for it.
        """
        size = min(JOBS_IN_A_ROW, max(1, len(works) // (4 * JOB_THREADS)))
        for start in range(0, len(works), size):
            self._job_pool.submit(self._do_in_turn, step, works[start : start + size])

    def start_submission(
        self, jobs: Sequence[TrackedJob], step: Callable[..., None], *args: Any
    ) -> None:
        """Begin to submit."""
        self._submit_pool.submit(self._do, jobs, step, *args)

    def close(self) -> None:
        """Wait for what has begun; what has not is dropped."""
        self._submit_pool.shutdown(wait=True, cancel_futures=True)
        self._job_pool.shutdown(wait=True, cancel_futures=True)

    def _do_in_turn(self, step: Callable[..., None], works: Sequence[tuple[Any, ...]]) -> None:
        for work in works:
            self._do(work[:1], step, *work)

    def _do(self, jobs: Sequence[TrackedJob], step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except (BatchxError, OSError) as error:
            self._conclude_all(jobs, str(error), "batchx")
        except Exception as error:  # noqa: BLE001 - a bug of ours must fail its job, not hang it
            self._log.debug(traceback.format_exc())
            self._conclude_all(jobs, f"batchx failed: {type(error).__name__}: {error}", "bug")

    def _conclude_all(self, jobs: Sequence[TrackedJob], message: str, kind: str) -> None:
        for job in jobs:
            self._conclude(job, message, kind)
