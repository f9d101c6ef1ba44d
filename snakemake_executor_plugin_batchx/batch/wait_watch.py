"""Which queues have jobs that wait for long, when it is found out why, and what is known of it."""

import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.gateway import LOOK
from snakemake_executor_plugin_batchx.batch.pace import Pace
from snakemake_executor_plugin_batchx.batch.queue_view import QueueView, WaitingJob
from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.waiting import Waiting, explain_waiting
from snakemake_executor_plugin_batchx.batch.watcher import ArrayCounts, split_child_id
from snakemake_executor_plugin_batchx.denials import DENIED_CODES
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

BEGUN = frozenset({"STARTING", "RUNNING"})


class QueueTeller(Protocol):
    """What is asked of the Batch gateway."""

    def describe_queues(self, queues: Sequence[str], patience: Any) -> list[dict[str, Any]]:
        """Return job queues by names or ARNs."""

    def describe_compute_environments(
        self, arns: Sequence[str], patience: Any
    ) -> list[dict[str, Any]]:
        """Return compute environments by ARN."""

    def get_queue_snapshot(self, queue: str) -> dict[str, Any]:
        """Return the front of a queue, and how much of it is in use."""

    def describe_consumable(self, name: str) -> dict[str, Any]:
        """Return a consumable resource."""


@dataclass(frozen=True)
class Asked:
    """What a job asks for: all that tells why it may wait."""

    resources: BatchResources | None = None
    consumables: tuple[tuple[str, int], ...] = ()


NOTHING = Asked()


@dataclass(frozen=True)
class QueueWait:
    """Since how many seconds jobs of a queue are RUNNABLE, and why if it is known."""

    queue: str
    seconds: float
    waiting: Waiting | None


@dataclass
class _Runnable:
    """A RUNNABLE job, or the RUNNABLE children of a large array."""

    label: str
    since: float
    reason: str
    asked: Asked
    count: int = 1


@dataclass
class _Queue:
    """What is known of a queue's jobs.

    `due` is when it is to be asked about next, `asked` when that was begun last (seconds), `code`
    what Batch's reason began with then.
    """

    runnable: dict[str, _Runnable] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    due: float | None = None
    asked: float = -math.inf
    code: str = ""
    is_asking: bool = False
    waiting: Waiting | None = None
    told: set[object] = field(default_factory=set)


class WaitWatch:
    """Keeps which jobs are RUNNABLE, and finds out why those wait that are so for long.

    A queue is asked about by three calls, and one for each consumable resource of the job that
    waits longest, no more often than `pace` says. The clock (seconds, monotonic) is passed in, and
    so are `find_sizes`, which returns the instance types of a queue as far as they are known, and
    `tell`, which takes a new explanation and whether it is a usual one. Safe to use from many
    threads.
    """

    def __init__(
        self,
        teller: QueueTeller,
        clock: Callable[[], float],
        pace: Pace,
        find_sizes: Callable[[str], Sequence[InstanceSize]],
        tell: Callable[[str, bool], object],
    ) -> None:
        self._teller = teller
        self._clock = clock
        self._pace = pace
        self._find_sizes = find_sizes
        self._tell = tell
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}
        self._queue_of: dict[str, str] = {}
        self._arrays: dict[str, ArrayCounts] = {}
        self._refused: set[str] = set()

    def note_arrays(self, arrays: Iterable[ArrayCounts]) -> None:
        """Note how far the children of all large arrays are, before the one that is described."""
        with self._lock:
            before, self._arrays = self._arrays, {each.job_id: each for each in arrays}
            for parent in before.keys() - self._arrays.keys():
                self._drop(parent)
            grown = self._arrays.keys() - before.keys()
            for job_id in [*self._queue_of] if grown else ():
                if split_child_id(job_id)[0] in grown:
                    self._drop(job_id)

    def note(
        self,
        state: JobState,
        since: float | None,
        queue: str,
        label: str,
        asked: Asked = NOTHING,
    ) -> None:
        """Note how a job of a queue was seen just now, and since when it is RUNNABLE, if it is.

        A child of a large array tells of all its children.
        """
        parent = split_child_id(state.job_id)[0]
        reason = state.status_reason if state.status == "RUNNABLE" else ""
        with self._lock:
            key, count, has_begun = state.job_id, 1, state.status in BEGUN
            array = self._arrays.get(parent)
            if array is not None:
                key, count, has_begun = parent, array.runnable, array.begun > 0
            self._queue_of[key] = queue
            known = self._queues.setdefault(queue, _Queue())
            (known.begun.add if has_begun else known.begun.discard)(key)
            if since is None:
                known.runnable.pop(key, None)
                return
            found = known.runnable.setdefault(key, _Runnable(label, since, reason, asked))
            found.since, found.reason, found.count = since, reason, count

    def forget(self, job_id: str) -> None:
        """Drop a job: it has ended, or is watched no longer."""
        with self._lock:
            self._drop(job_id)

    def _drop(self, job_id: str) -> None:
        queue = self._queues.get(self._queue_of.pop(job_id, ""))
        if queue is not None:
            queue.runnable.pop(job_id, None)
            queue.begun.discard(job_id)

    def take_due(self) -> list[str]:
        """Return the queues that are to be asked about now, each once until it was."""
        now, taken = self._clock(), []
        with self._lock:
            for name, queue in self._queues.items():
                first = _find_first(queue)
                if first is None:
                    queue.waiting, queue.due, queue.code = None, None, ""
                    continue
                due = first[1].since + self._pace.explain_seconds
                if queue.due is not None:
                    due = queue.due
                code = _find_code(first[1].reason)
                # Batch itself has found something out.
                is_news = code not in {"", queue.code}
                is_early = now - queue.asked < self._pace.explain_seconds
                if not (queue.is_asking or is_early) and (now >= due or is_news):
                    queue.is_asking = True
                    queue.asked, queue.code = now, code
                    queue.due = now + self._pace.explain_again_seconds
                    taken.append(name)
        return taken

    def ask(self, name: str) -> None:
        """Find out why the job of a queue waits that does so longest, and tell it if it is new."""
        with self._lock:
            queue = self._queues[name]
            first = _find_first(queue)
            own_ids = frozenset(split_child_id(job)[0] for job in queue.runnable)
            view = QueueView(name, own_ids=own_ids, is_working=bool(queue.begun))
        try:
            if first is not None:
                self._explain(queue, view, *first)
        finally:
            with self._lock:
                queue.is_asking = False

    def current(self, name: str) -> Waiting | None:
        """Return why the jobs of a queue wait, None where none does so for long."""
        with self._lock:
            queue = self._queues.get(name)
            return queue.waiting if queue and queue.runnable else None

    def list_waits(self) -> list[QueueWait]:
        """Return what waits on each queue, longest first."""
        now = self._clock()
        with self._lock:
            waits = [
                QueueWait(name, now - first[1].since, queue.waiting)
                for name, queue in self._queues.items()
                if (first := _find_first(queue)) is not None
            ]
        return sorted(waits, key=lambda wait: -wait.seconds)

    def _explain(self, queue: _Queue, view: QueueView, job_id: str, job: _Runnable) -> None:
        seconds = self._clock() - job.since
        waits = WaitingJob(job_id, seconds, job.reason, job.asked.resources)
        view = self._look(replace(view, sizes=self._find_sizes(view.queue)), job.asked)
        waiting = explain_waiting(waits, view)
        with self._lock:
            queue.waiting = waiting
            if waiting is None or not waiting.is_told:
                return
            key = waiting.kind, None if waiting.is_usual else job.asked.resources
            if key in queue.told:
                return
            queue.told.add(key)
            more = _count(queue) - 1
        who = f"{job.label} and {more} more have" if more > 0 else f"{job.label} has"
        self._tell(
            f"{who} been RUNNABLE for {tell_duration(seconds)} on queue {view.queue}. "
            f"{waiting.sentence}",
            waiting.is_usual,
        )

    def _look(self, view: QueueView, asked: Asked) -> QueueView:
        """Return what Batch tells of a queue; where a consumable resource lacks, that is enough."""
        lacking = []
        for name, wanted in asked.consumables:
            found = self._ask("DescribeConsumableResource", self._teller.describe_consumable, name)
            if found is not None and found.get("availableQuantity", wanted) < wanted:
                lacking.append(found["consumableResourceName"])
        if lacking:
            return replace(view, lacking=lacking)
        detail = self._ask("DescribeJobQueues", self._describe_queue, view.queue)
        order = sorted((detail or {}).get("computeEnvironmentOrder", ()), key=_get_order)
        arns = [each["computeEnvironment"] for each in order]
        environments = None
        if arns:
            environments = self._ask(
                "DescribeComputeEnvironments", self._describe_environments, arns
            )
        snapshot = self._ask("GetJobQueueSnapshot", self._teller.get_queue_snapshot, view.queue)
        return replace(view, detail=detail, environments=environments, snapshot=snapshot)

    def _ask(self, operation: str, call: Callable[[Any], Any], subject: Any) -> Any:
        """Return an answer, None without one; what is refused is not asked again."""
        if operation in self._refused:
            return None
        try:
            return call(subject)
        except AwsError as error:
            if error.code in DENIED_CODES:
                self._refused.add(operation)
            return None

    def _describe_queue(self, name: str) -> dict[str, Any] | None:
        return next(iter(self._teller.describe_queues([name], LOOK)), None)

    def _describe_environments(self, arns: Sequence[str]) -> list[dict[str, Any]]:
        found = self._teller.describe_compute_environments(arns, LOOK)
        by_arn = {each["computeEnvironmentArn"]: each for each in found}
        return [by_arn[arn] for arn in arns if arn in by_arn]


def _find_first(queue: _Queue) -> tuple[str, _Runnable] | None:
    """Return the job that Batch gives a reason for, else the one that waits longest."""
    return min(
        queue.runnable.items(), key=lambda item: (not item[1].reason, item[1].since), default=None
    )


def _find_code(reason: str) -> str:
    """Return what a reason of Batch's begins with: the words after it may differ at each look."""
    return re.split(r"[\s-]", reason, maxsplit=1)[0]


def _count(queue: _Queue) -> int:
    return sum(job.count for job in queue.runnable.values())


def _get_order(entry: dict[str, Any]) -> int:
    return int(entry["order"])


def tell_duration(seconds: float) -> str:
    """Return a time in words: 45 s, 4 min, 2 h 5 min, 1 d 3 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
