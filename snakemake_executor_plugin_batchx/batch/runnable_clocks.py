"""Since when jobs are RUNNABLE, as far as this head has seen it."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.watcher import ArrayCounts, split_child_id


@dataclass(frozen=True)
class _Clock:
    """Since when (seconds) a job is RUNNABLE, and how many of its attempts had ended by then."""

    since: float
    attempts: int


class RunnableClocks:
    """Keeps since when jobs are RUNNABLE. Safe to use from many threads.

    A job counts from the look that saw it RUNNABLE first, and anew if it was started in between, as
    its attempts tell. The children of a large array, few of which are described, count from the
    first look at which none is on its way to RUNNABLE any more. The clock (seconds, monotonic) is
    passed in.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, _Clock] = {}
        self._arrays: dict[str, float | None] = {}
        self._early: set[str] = set()
        self._handed_over: dict[str, float | None] = {}

    def note_arrays(self, arrays: Iterable[ArrayCounts]) -> None:
        """Note how far the children of all large arrays are, before those that are described.

        The children of an array that is large no longer are all described at this look, and take
        over its time.
        """
        now = self._clock()
        with self._lock:
            before, counted = self._arrays, list(arrays)
            self._arrays = {each.job_id: self._measure(each, now) for each in counted}
            self._early = {each.job_id for each in counted if each.early}
            gone = before.keys() - self._arrays.keys()
            self._handed_over = {parent: before[parent] for parent in gone}

    def _measure(self, counts: ArrayCounts, now: float) -> float | None:
        if not counts.runnable:
            return None
        if counts.early or counts.job_id in self._early:
            return now
        if counts.job_id in self._arrays:
            known = self._arrays[counts.job_id]
            return now if known is None else known
        # Its children were described until now: whoever waits may do so since the last of them.
        since = (
            clock.since
            for job_id, clock in self._jobs.items()
            if split_child_id(job_id)[0] == counts.job_id and not clock.attempts
        )
        return max(since, default=now)

    def note(self, state: JobState) -> float | None:
        """Note how a job was seen just now; return since when it is RUNNABLE, None if it is not.

        A child of a large array tells of all its children.
        """
        since = self.note_child(state)
        with self._lock:
            return self._arrays.get(split_child_id(state.job_id)[0], since)

    def note_child(self, state: JobState) -> float | None:
        """Do the same for a job itself, even if it is the child of a large array."""
        now, attempts = self._clock(), len(state.attempts)
        with self._lock:
            if state.status != "RUNNABLE":
                self._jobs.pop(state.job_id, None)
                return None
            known = self._jobs.get(state.job_id)
            if known is None or known.attempts != attempts:
                parent = split_child_id(state.job_id)[0]
                since = self._arrays.get(parent, self._handed_over.get(parent))
                known = _Clock(now if since is None or attempts else since, attempts)
                self._jobs[state.job_id] = known
            return known.since

    def forget(self, job_id: str) -> None:
        """Drop a job: it has ended, or is watched no longer."""
        with self._lock:
            self._jobs.pop(job_id, None)
