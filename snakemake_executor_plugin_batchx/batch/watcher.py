"""When to ask Batch about jobs, and what is new."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.batch.gateway import DESCRIBE_JOBS_IDS
from snakemake_executor_plugin_batchx.batch.state import JobState, interpret_job

FIRST_INTERVAL_SECONDS = 0.5
"""Between two looks while jobs move, where one call tells of all of them."""

SECONDS_PER_CALL = 1.0
"""Where it takes several calls: so many seconds each, for in a large run some job always moves."""

GROWTH = 1.3
MAX_MISSES = 20
"""DescribeJobs right after SubmitJob may not know the job yet; one unknown for this many polls
in a row, at least MIN_MISSING_SECONDS long, is gone."""

MIN_MISSING_SECONDS = 120.0


class JobDescriber(Protocol):
    """What the watcher needs of the Batch gateway."""

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what Batch tells of jobs."""


@dataclass
class Misses:
    """How often and since when (seconds) Batch did not know a job."""

    since: float
    count: int = 0


@dataclass(frozen=True)
class Poll:
    """What one look at Batch brought: states, and ids that Batch has not known for long."""

    states: tuple[JobState, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass
class Watcher:
    """Asks in bulk, quickly while things move and ever more slowly while they do not.

    `max_interval_seconds` is the user's `--seconds-between-status-checks`. The clock (seconds,
    monotonic) is passed in. For one thread.
    """

    describer: JobDescriber
    clock: Callable[[], float]
    max_interval_seconds: float
    _interval_seconds: float = FIRST_INTERVAL_SECONDS
    _next_poll: float = 0.0
    _statuses: dict[str, str] = field(default_factory=dict)
    _misses: dict[str, Misses] = field(default_factory=dict)

    def poll_if_due(self, job_ids: Sequence[str]) -> Poll:
        """Describe the jobs if it is time to. Raises AwsError where Batch cannot be asked."""
        now = self.clock()
        is_new = any(job_id not in self._statuses for job_id in job_ids)
        if is_new:
            first = self._get_first_interval(len(job_ids))
            self._interval_seconds = min(self._interval_seconds, first)
            self._next_poll = min(self._next_poll, now + self._interval_seconds)
        for job_id in job_ids:
            self._statuses.setdefault(job_id, "")
        if not job_ids or now < self._next_poll:
            return Poll()
        return self._poll(job_ids, now)

    def _get_first_interval(self, job_count: int) -> float:
        calls = math.ceil(job_count / DESCRIBE_JOBS_IDS)
        seconds = FIRST_INTERVAL_SECONDS if calls == 1 else SECONDS_PER_CALL * calls
        return min(seconds, self.max_interval_seconds)

    def _poll(self, job_ids: Sequence[str], now: float) -> Poll:
        # Set first: a call that fails must not be repeated at once.
        self._next_poll = now + self._interval_seconds
        states = tuple(map(interpret_job, self.describer.describe_jobs(job_ids)))
        has_moved = any(self._statuses.get(s.job_id) != s.status for s in states)
        longer = min(self._interval_seconds * GROWTH, self.max_interval_seconds)
        self._interval_seconds = self._get_first_interval(len(job_ids)) if has_moved else longer
        self._next_poll = now + self._interval_seconds
        self._statuses = {s.job_id: s.status for s in states if not s.is_terminal}
        return Poll(states, self._note_misses({*job_ids} - {s.job_id for s in states}, now))

    def _note_misses(self, missing: set[str], now: float) -> tuple[str, ...]:
        self._misses = {
            job_id: self._misses.get(job_id, Misses(since=now)) for job_id in sorted(missing)
        }
        for misses in self._misses.values():
            misses.count += 1
        self._statuses |= dict.fromkeys(missing, "")
        return tuple(
            job_id
            for job_id, misses in self._misses.items()
            if misses.count >= MAX_MISSES and now - misses.since >= MIN_MISSING_SECONDS
        )
