"""How many jobs of a run are where, and that as a line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.batch.state import TERMINAL
from snakemake_executor_plugin_batchx.batch.watcher import split_child_id
from snakemake_executor_plugin_batchx.inflight import TrackedJob

WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")

LATEST_FIRST = ("RUNNING", "STARTING", "RUNNABLE", "PENDING", "SUBMITTED")
"""https://docs.aws.amazon.com/batch/latest/userguide/job_states.html"""


@dataclass(frozen=True)
class Counts:
    """Jobs of a run: those that have ended, and those in flight.

    `preparing` are not submitted yet, `by_status` counts the others by Batch's names.
    """

    done: int = 0
    failed: int = 0
    preparing: int = 0
    by_status: Mapping[str, int] | None = None

    @property
    def waiting(self) -> int:
        """How many wait on Batch."""
        return sum(self._count(status) for status in WAITING)

    def make_line(self, waits_for: str = "") -> str:
        """Return the counts as one line; `waits_for` tells what jobs wait for."""
        ending = self._count("SUCCEEDED") + self._count("FAILED")
        parts = [
            (self.done, "done", ""),
            (ending, "being collected", ""),
            (self._count("RUNNING"), "running", ""),
            (self._count("STARTING"), "starting", ""),
            (self.preparing, "being prepared", ""),
            # The last may be long, and a terminal narrow.
            (self.failed, "failed", ""),
            (self.waiting, "waiting", f" ({waits_for})" if waits_for else ""),
        ]
        return "batchx: " + " · ".join(
            f"{count:,} {what}{more}" for count, what, more in parts if count
        )

    def _count(self, status: str) -> int:
        return (self.by_status or {}).get(status, 0)


def count_statuses(
    jobs: Iterable[TrackedJob], summaries: Mapping[str, Mapping[str, int]]
) -> Counter[str]:
    """Count jobs that have been submitted by their status on Batch.

    `summaries` are those of large arrays, whose children are not looked at singly: what Batch tells
    of all children is told of those of this run.
    """
    statuses: Counter[str] = Counter()
    of_arrays: Counter[str] = Counter()
    for job in jobs:
        parent, index = split_child_id(job.batch_job_id or "")
        if index is not None and parent in summaries and job.last_status not in TERMINAL:
            of_arrays[parent] += 1
        else:
            statuses[job.last_status or "SUBMITTED"] += 1
    for parent, total in of_arrays.items():
        statuses += _share_out(total, summaries[parent])
    return statuses


def _share_out(total: int, summary: Mapping[str, int]) -> Counter[str]:
    """Return how so many children of an array are taken to be in which status."""
    statuses: Counter[str] = Counter()
    for status in LATEST_FIRST:
        statuses[status] = min(total - statuses.total(), summary.get(status, 0))
    statuses["SUBMITTED"] += total - statuses.total()
    return statuses
