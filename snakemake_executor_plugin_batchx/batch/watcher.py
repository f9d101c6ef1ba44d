"""When to ask Batch about jobs, and what is new.

Single jobs are described by the hundred. So are array children, while they are few; of large
arrays the parent is described, whose `statusSummary` tells that something changed, and then the
children are listed by status.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.batch.gateway import DESCRIBE_JOBS_IDS
from snakemake_executor_plugin_batchx.batch.pace import Pace
from snakemake_executor_plugin_batchx.batch.state import (
    TERMINAL,
    JobState,
    interpret_job,
    interpret_summary,
)

MAX_DIRECT_CALLS = 5
MAX_DIRECT_CHILDREN = 100
"""Of arrays with so few left, the children are described themselves, with so many calls for all of
them: to look at their parents first would need as many to learn which of them changed."""

MAX_LAST_CALLS = 10
"""So often Batch is asked at the end of a run about what has only been listed."""

ENDS_PER_CALL = 2
"""How many jobs should have ended for each call of the next look, at the rate of the last one."""

LISTED_PER_END = 3
"""How many children may be listed for each that has ended since: listings tell of all that ever
have, so a look at every few ends would cost more and more."""

LIST_JOBS_PAGE = 1000
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html, maxResults"""

MAX_MISSES = 20
"""DescribeJobs right after SubmitJob may not know the job yet; one unknown for this many looks
in a row, at least MIN_MISSING_SECONDS long, is gone."""

MIN_MISSING_SECONDS = 120.0


class JobTeller(Protocol):
    """What the watcher needs of the Batch gateway."""

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what Batch tells of jobs."""

    def list_children(self, array_job_id: str, status: str) -> list[dict[str, Any]]:
        """Return the children of an array job that are in a status."""


@dataclass
class Misses:
    """How often and since when (seconds) Batch did not know a job."""

    since: float
    count: int = 0


@dataclass(frozen=True)
class ArrayCounts:
    """How many children of an array are in which status."""

    job_id: str
    by_status: Mapping[str, int]

    @property
    def runnable(self) -> int:
        """How many are RUNNABLE."""
        return self.by_status.get("RUNNABLE", 0)

    @property
    def begun(self) -> int:
        """How many have got a place."""
        return self.by_status.get("STARTING", 0) + self.by_status.get("RUNNING", 0)

    @property
    def early(self) -> int:
        """How many are not so far as to wait for a place."""
        return self.by_status.get("SUBMITTED", 0) + self.by_status.get("PENDING", 0)


@dataclass(frozen=True)
class Poll:
    """What one look at Batch brought: states, and ids that Batch has not known for long.

    Of the children of large arrays, one of which is described, `arrays` tells the number. `told`
    are jobs of an earlier poll that have ended, with the attempts of which a listing says nothing.
    """

    states: tuple[JobState, ...] = ()
    lost: tuple[str, ...] = ()
    arrays: tuple[ArrayCounts, ...] = ()
    told: tuple[JobState, ...] = ()


@dataclass
class WatchedArray:
    """The watched children of an array: the indices that have not ended, how many have.

    `begun` were STARTING or RUNNING when its parent was described last.
    """

    waiting: set[int] = field(default_factory=set)
    ended: int = 0
    begun: int = 0

    @property
    def spokesman(self) -> int:
        """The child that most likely is the first to wait: Batch starts them in order."""
        if not self.begun:
            return min(self.waiting)
        ordered = sorted(self.waiting)
        return ordered[min(self.begun, len(ordered) - 1)]


def make_child_id(array_job_id: str, index: int) -> str:
    """Return the id of an array child."""
    return f"{array_job_id}:{index}"


def split_child_id(job_id: str) -> tuple[str, int | None]:
    """Split the id of an array child into its parent's and its index, None for a single job."""
    parent, colon, index = job_id.partition(":")
    return parent, int(index) if colon else None


@dataclass
class Watcher:
    """Asks in bulk, quickly while jobs end and ever more slowly while none does.

    `summaries` are how many children of large arrays were in which status at the last look.
    `max_interval_seconds` is the user's `--seconds-between-status-checks`. The clock (seconds,
    monotonic) is passed in. For one thread.
    """

    teller: JobTeller
    clock: Callable[[], float]
    max_interval_seconds: float
    pace: Pace
    summaries: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _interval_seconds: float = math.inf
    _next_look: float = math.inf
    _listed: int = 0
    _singles: set[str] = field(default_factory=set)
    _arrays: dict[str, WatchedArray] = field(default_factory=dict)
    _misses: dict[str, Misses] = field(default_factory=dict)
    _untold: list[str] = field(default_factory=list)

    def watch(self, job_ids: Iterable[str]) -> None:
        """Begin to ask about jobs; they are dropped by themselves when they have ended."""
        is_any = False
        for job_id in job_ids:
            is_any = True
            parent, index = split_child_id(job_id)
            if index is None:
                self._singles.add(job_id)
            else:
                self._arrays.setdefault(parent, WatchedArray()).waiting.add(index)
        if is_any:
            self._interval_seconds = self._get_quick_interval()
            self._next_look = min(self._next_look, self.clock() + self._interval_seconds)

    def poll_if_due(self) -> Poll:
        """Look at the jobs if it is time to. Raises AwsError where Batch cannot be asked."""
        now = self.clock()
        if now < self._next_look or not (self._singles or self._arrays):
            return Poll()
        # Set first: a call that fails must not be repeated at once.
        self._next_look = now + self._interval_seconds
        self._listed = 0
        states, missing, arrays, told = self._look()
        ended = [state.job_id for state in states if state.is_terminal]
        for job_id in ended:
            self._drop(job_id)
        lost = self._note_misses(missing, now)
        self._interval_seconds = self._choose_interval(len(ended))
        self._next_look = now + self._interval_seconds
        return Poll(tuple(states), lost, arrays, told)

    def describe_untold(self) -> list[JobState]:
        """Return what Batch tells of children that have only been listed; of many, of some.

        To be called once, at the end. Raises AwsError where Batch cannot be asked.
        """
        ids, self._untold = self._untold[: MAX_LAST_CALLS * DESCRIBE_JOBS_IDS], []
        return list(map(interpret_job, self.teller.describe_jobs(ids)))

    def _choose_interval(self, ended: int) -> float:
        """Return the seconds to the next look after one that told of so many ends."""
        if not ended:
            return self._limit(self._interval_seconds * self.pace.growth)
        wanted = max(ENDS_PER_CALL * self._count_calls(), self._listed / LISTED_PER_END)
        seconds = self._interval_seconds / ended * wanted
        return max(self._get_quick_interval(), self._limit(seconds))

    def _get_quick_interval(self) -> float:
        """Return the seconds between looks while jobs begin or end.

        In a large run some job always does: where a look takes several calls it has to wait.
        """
        return self._limit(self.pace.first_look_seconds * self._count_calls() ** 2)

    def _limit(self, seconds: float) -> float:
        return min(seconds, self.max_interval_seconds, self.pace.longest_look_seconds)

    def _count_calls(self) -> int:
        direct, parents = self._choose_ids()
        return max(1, math.ceil((len(direct) + len(parents)) / DESCRIBE_JOBS_IDS))

    def _choose_ids(self) -> tuple[list[str], list[str]]:
        """Return the jobs to describe themselves, and the arrays whose parent is."""
        direct, parents = list(self._singles), []
        room = MAX_DIRECT_CALLS * DESCRIBE_JOBS_IDS - len(direct)
        for parent, array in sorted(self._arrays.items(), key=lambda item: len(item[1].waiting)):
            room -= len(array.waiting)
            if room >= 0 and len(array.waiting) <= MAX_DIRECT_CHILDREN:
                direct += _make_ids(parent, array.waiting)
            else:
                parents.append(parent)
                # One of its children, to be told what they all wait for.
                direct.append(make_child_id(parent, array.spokesman))
        return direct, parents

    def _look(
        self,
    ) -> tuple[list[JobState], set[str], tuple[ArrayCounts, ...], tuple[JobState, ...]]:
        direct, parents = self._choose_ids()
        room = -len([*direct, *parents]) % DESCRIBE_JOBS_IDS
        # Room that the last call has left costs nothing: what was only listed is described in it.
        extra, self._untold = self._untold[:room], self._untold[room:]
        answer = self.teller.describe_jobs([*direct, *parents, *extra])
        details = [each for each in answer if each["jobId"] not in extra]
        told = tuple(interpret_job(each) for each in answer if each["jobId"] in extra)
        missing = {*direct, *parents} - {detail["jobId"] for detail in details}
        listed: list[JobState] = []
        described: list[JobState] = []
        doubtful: list[str] = []
        arrays: list[ArrayCounts] = []
        for detail in details:
            array = self._arrays.get(detail["jobId"])
            if array is None:
                described.append(interpret_job(detail))
                continue
            arrays.append(ArrayCounts(detail["jobId"], get_summary(detail)))
            array.begun = arrays[-1].begun
            succeeded, doubted = self._list_ended(detail, array)
            listed += succeeded
            doubtful += doubted
        if doubtful:
            # What is missing here is asked for again: the parent goes on telling of it.
            described += map(interpret_job, self.teller.describe_jobs(doubtful))
        self.summaries = {each.job_id: each.by_status for each in arrays}
        states = {state.job_id: state for state in (*listed, *described)}
        return list(states.values()), missing, tuple(arrays), told

    def _list_ended(
        self, detail: Mapping[str, Any], array: WatchedArray
    ) -> tuple[list[JobState], list[str]]:
        """Return the children of an array that have succeeded, and those to be described."""
        parent, summary = detail["jobId"], get_summary(detail)
        counts = {status: summary.get(status, 0) for status in sorted(TERMINAL)}
        if sum(counts.values()) <= array.ended and detail["status"] not in TERMINAL:
            return [], []
        pages = sum(math.ceil(count / LIST_JOBS_PAGE) for count in counts.values())
        if math.ceil(len(array.waiting) / DESCRIBE_JOBS_IDS) <= pages:
            return [], _make_ids(parent, array.waiting)
        ended = {
            status: {each["jobId"]: each for each in self.teller.list_children(parent, status)}
            for status, count in counts.items()
            if count
        }
        self._listed += sum(map(len, ended.values()))
        ours = set(_make_ids(parent, array.waiting))
        # Of an array that an earlier run began, some have ended that nobody watches.
        array.ended = sum(len(each.keys() - ours) for each in ended.values())
        succeeded = ended.get("SUCCEEDED", {})
        listed = sorted(succeeded.keys() & ours)
        self._untold += listed
        states = [interpret_summary(succeeded[each]) for each in listed]
        return states, sorted(ended.get("FAILED", {}).keys() & ours)

    def _drop(self, job_id: str, *, ended: int = 1) -> None:
        parent, index = split_child_id(job_id)
        if index is None:
            self._singles.discard(job_id)
            return
        array = self._arrays.get(parent)
        if array is None or index not in array.waiting:
            return
        array.waiting.remove(index)
        array.ended += ended
        if not array.waiting:
            del self._arrays[parent]

    def _note_misses(self, missing: set[str], now: float) -> tuple[str, ...]:
        """Return the ids that have been unknown for too long; they are not watched any more."""
        self._misses = {
            job_id: self._misses.get(job_id, Misses(since=now)) for job_id in sorted(missing)
        }
        lost: dict[str, None] = {}
        for job_id, misses in self._misses.items():
            misses.count += 1
            if misses.count >= MAX_MISSES and now - misses.since >= MIN_MISSING_SECONDS:
                array = self._arrays.get(job_id)
                gone = _make_ids(job_id, array.waiting) if array else [job_id]
                lost |= dict.fromkeys(gone)
        for job_id in lost:
            self._drop(job_id, ended=0)
        return tuple(lost)


def get_summary(detail: Mapping[str, Any]) -> Mapping[str, int]:
    """Return how many children of a described array are in which status.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_ArrayPropertiesDetail.html
    """
    summary: Mapping[str, int] = detail.get("arrayProperties", {}).get("statusSummary", {})
    return summary


def _make_ids(parent: str, indices: Iterable[int]) -> list[str]:
    return [make_child_id(parent, index) for index in sorted(indices)]
