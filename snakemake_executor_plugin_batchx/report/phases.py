"""What a job did when: phases for the timeline, from Batch's times and the head's looks."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.report.rows import JobRow, Start

WAITING, STARTING, STAGING, RUNNING, LOST = "waiting", "starting", "staging", "running", "lost"

PHASES = {
    WAITING: "waiting",
    STARTING: "starting (image)",
    STAGING: "files in or out",
    RUNNING: "running",
    LOST: "begun again later",
}
"""What they are called, in the order in which a job passes them; the last is an attempt that Batch
had to begin again."""

OF_STATUS = {
    "SUBMITTED": WAITING,
    "PENDING": WAITING,
    "RUNNABLE": WAITING,
    "STARTING": STARTING,
    "RUNNING": RUNNING,
}


@dataclass(frozen=True)
class Phase:
    """What a job did from `begun` to `ended`, seconds since 1970: one of PHASES."""

    name: str
    begun: float
    ended: float


def find_phases(row: JobRow, now: float) -> list[Phase]:
    """Return a job's phases in order; of one that has not ended up to `now`."""
    phases = [each for each in _iter_phases(row, now) if each.ended > each.begun]
    return sorted(phases, key=lambda each: each.begun)


def _iter_phases(row: JobRow, now: float) -> Iterator[Phase]:
    if not row.starts:
        yield from _iter_seen(row.states, now)
        return
    created = [job.created for job in row.batch_jobs if job.created is not None]
    cursor = min(created, default=row.starts[0].started or now)
    last = len(row.starts) - 1
    for number, start in enumerate(row.starts):
        if start.started is None:
            continue
        yield from _iter_wait(row, cursor, start.started)
        if number < last:
            yield Phase(LOST, start.started, start.stopped or start.started)
        else:
            yield from _iter_run(row, start)
        cursor = start.stopped or start.started
    if row.kind is None:  # at work again since
        yield from _iter_seen([(s, t) for s, t in row.states if t > cursor], now)


def _iter_wait(row: JobRow, begun: float, started: float) -> Iterator[Phase]:
    """Yield the time before a start; the head may have seen when a host began with it."""
    seen = [time for status, time in row.states if status == "STARTING" and begun < time < started]
    given = seen[-1] if seen else started
    yield Phase(WAITING, begun, given)
    yield Phase(STARTING, given, started)


def _iter_run(row: JobRow, start: Start) -> Iterator[Phase]:
    begun, ended = start.started or 0.0, start.stopped or start.started or 0.0
    usage = row.usage
    if usage is None:
        yield Phase(RUNNING, begun, ended)
        return
    staged = min(ended, begun + usage.stage_in_seconds)
    worked = max(staged, ended - usage.stage_out_seconds)
    yield Phase(STAGING, begun, staged)
    yield Phase(RUNNING, staged, worked)
    yield Phase(STAGING, worked, ended)


def _iter_seen(states: Sequence[tuple[str, float]], now: float) -> Iterator[Phase]:
    """Yield what the head saw of a job whose times Batch has not told."""
    for (status, begun), (_, ended) in itertools.pairwise([*states, ("", now)]):
        if status in OF_STATUS:
            yield Phase(OF_STATUS[status], begun, ended)
