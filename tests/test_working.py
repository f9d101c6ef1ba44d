"""Threads for slow steps: few while all is quick, more where steps wait, and no error is lost."""

import queue
import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from head_world import DESCRIPTION

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.working import (
    JOB_THREADS,
    JOBS_IN_A_ROW,
    QUICK_THREADS,
    Workers,
)

WAIT_SECONDS = 30.0


class Crew:
    """Workers, and how the jobs of failed steps were concluded."""

    def __init__(self) -> None:
        self.concluded: list[tuple[str, str, str]] = []
        log: Any = SimpleNamespace(debug=lambda _: None)
        self.workers = Workers(self.give_up, log)

    def give_up(self, jobs: Sequence[TrackedJob], message: str, kind: str) -> None:
        self.concluded += [(job.submission, message, kind) for job in jobs]


class Gate:
    """A step that waits until it is opened; counts who is inside."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = threading.Semaphore(0)

    def pass_through(self, *_: Any) -> None:
        self.inside.release()
        assert self.opened.wait(WAIT_SECONDS)

    def await_inside(self, count: int) -> None:
        for _ in range(count):
            assert self.inside.acquire(timeout=WAIT_SECONDS)

    def is_full(self) -> bool:
        return not self.inside.acquire(timeout=0.05)


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.workers.close()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def make_jobs(count: int) -> list[TrackedJob]:
    return [TrackedJob(f"{number:06d}", DESCRIPTION) for number in range(count)]


def test_slow_steps_get_more_threads_beat_by_beat(crew: Crew, gate: Gate) -> None:
    crew.workers.start_job_steps(gate.pass_through, make_jobs(2 * JOB_THREADS))
    gate.await_inside(QUICK_THREADS)
    assert gate.is_full()
    for _ in range(JOB_THREADS // QUICK_THREADS - 1):
        crew.workers.hasten()
        gate.await_inside(QUICK_THREADS)
        assert gate.is_full()
    crew.workers.hasten()
    assert gate.is_full()
    gate.opened.set()
    gate.await_inside(JOB_THREADS)


def test_quick_steps_get_none(crew: Crew, gate: Gate) -> None:
    done = threading.Semaphore(0)
    quick = 100
    crew.workers.start_job_steps(lambda _: done.release(), make_jobs(quick))
    for _ in range(quick):
        assert done.acquire(timeout=WAIT_SECONDS)
    crew.workers.start_job_steps(gate.pass_through, make_jobs(JOB_THREADS))
    gate.await_inside(QUICK_THREADS)
    crew.workers.hasten()  # many were done since the last time
    assert gate.is_full()
    crew.workers.hasten()
    gate.await_inside(QUICK_THREADS)


def test_rows_hold_all_in_order(crew: Crew) -> None:
    works = [(job, 7) for job in make_jobs(2 * JOBS_IN_A_ROW + 1)]
    rows: queue.Queue[Sequence[tuple[TrackedJob, int]]] = queue.Queue()
    crew.workers.start_rows(rows.put, works)
    found = sorted(
        (rows.get(timeout=WAIT_SECONDS) for _ in range(3)), key=lambda row: works.index(row[0])
    )
    assert [work for row in found for work in row] == works


@pytest.mark.parametrize(
    ("error", "concluded"),
    [
        (BatchxError("No such bucket."), ("No such bucket.", "batchx")),
        (OSError(28, "No space left"), ("[Errno 28] No space left", "batchx")),
        (KeyError("x"), ("batchx failed: KeyError: 'x'", "bug")),
    ],
)
def test_what_goes_wrong_becomes_the_jobs_outcome(
    crew: Crew, error: Exception, concluded: tuple[str, str]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    jobs = make_jobs(2)
    crew.workers.do(jobs, fail)
    assert crew.concluded == [(job.submission, *concluded) for job in jobs]


def test_what_has_not_begun_is_dropped_in_the_end(crew: Crew, gate: Gate) -> None:
    begun: list[TrackedJob] = []

    def begin(job: TrackedJob) -> None:
        begun.append(job)
        gate.pass_through()

    crew.workers.start_job_steps(begin, make_jobs(JOB_THREADS))
    gate.await_inside(QUICK_THREADS)
    threading.Timer(0.2, gate.opened.set).start()
    crew.workers.close()  # returns when those that have begun are through
    assert gate.opened.is_set()
    assert len(begun) == QUICK_THREADS
    crew.workers.start_job_steps(begin, make_jobs(1))
    assert len(begun) == QUICK_THREADS


def test_a_failure_to_give_up_keeps_the_threads(crew: Crew) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("x")

    crew.workers = Workers(fail, cast(Any, SimpleNamespace(debug=print, warning=print)))
    done = threading.Event()
    crew.workers.start_job_steps(fail, make_jobs(2 * JOB_THREADS))
    crew.workers.start_job_step([], done.set)
    assert done.wait(WAIT_SECONDS)
