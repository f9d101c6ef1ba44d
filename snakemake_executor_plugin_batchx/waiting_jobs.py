"""The jobs of a run that wait for a place: the user is told why, and some have waited too long."""

import functools
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.batch.reasons import WAITED
from snakemake_executor_plugin_batchx.batch.runnable_clocks import RunnableClocks
from snakemake_executor_plugin_batchx.batch.state import JobState, interpret_job
from snakemake_executor_plugin_batchx.batch.verdict import Verdict
from snakemake_executor_plugin_batchx.batch.wait_watch import Asked, WaitWatch, tell_duration
from snakemake_executor_plugin_batchx.batch.watcher import Poll, split_child_id
from snakemake_executor_plugin_batchx.concluding import Ending
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import InFlight, TrackedJob
from snakemake_executor_plugin_batchx.launching import Launcher
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.ports import Log, Ports, RunContext
from snakemake_executor_plugin_batchx.status.teller import Status
from snakemake_executor_plugin_batchx.working import Workers

UNEXPLAINED = "Why jobs wait could not be found out"
UNENDED = "Jobs that have waited for longer than batchx_runnable_timeout could not be ended"

NOBODY_KNOWS = "Batch does not say what it waited for."

Conclude = Callable[[TrackedJob, Ending], None]


@dataclass(frozen=True)
class _Overdue:
    """A job that Batch was asked to end: how long it had waited, what for, how often it began."""

    seconds: float
    why: str
    attempts: int


class WaitingJobs:
    """Follows the jobs that are RUNNABLE. `conclude` takes one that has failed, and how.

    `note` is for one thread; what takes long is done by `workers`.
    """

    def __init__(
        self,
        context: RunContext,
        ports: Ports,
        inflight: InFlight,
        launcher: Launcher,
        workers: Workers,
        conclude: Conclude,
    ) -> None:
        self._context = context
        self._ports = ports
        self._inflight = inflight
        self._launcher = launcher
        self._workers = workers
        self._conclude = conclude
        self._lock = threading.Lock()
        self._overdue: dict[str, _Overdue] = {}
        self._warned: set[str] = set()
        self._next_tries: dict[str, float] = {}
        self._clocks = RunnableClocks(ports.clock)
        self.watch = WaitWatch(
            ports.gateway,
            ports.clock,
            context.pace,
            self._find_sizes,
            functools.partial(_tell, ports.log),
        )

    def note(self, poll: Poll, found: Sequence[tuple[TrackedJob | None, JobState]]) -> None:
        """Note what a look at Batch brought; begin to find out why jobs wait, and to end some."""
        if poll == Poll():
            return
        self._clocks.note_arrays(poll.arrays)
        self.watch.note_arrays(poll.arrays)
        for job_id in (*poll.lost, *(state.job_id for _, state in found if state.is_terminal)):
            self._forget(job_id)
        arrays = {each.job_id for each in poll.arrays}
        singles = []
        for job, state in found:
            if job is None or state.is_terminal:
                continue
            since = self._clocks.note(state)
            asked = Asked(job.resources, job.consumables)
            self.watch.note(state, since, job.queue, job.description.label, asked)
            if since is None or not self._is_overdue(job, since):
                continue
            parent = split_child_id(state.job_id)[0]
            if parent not in arrays:
                singles += [(job, state, since)] if self._is_to_be_tried(state.job_id) else []
            elif self._is_to_be_tried(parent):
                self._start(UNENDED, self._end_children, parent)
        if singles:
            self._start(UNENDED, self._end, singles)
        for queue in self.watch.take_due():
            self._start(UNEXPLAINED, self.watch.ask, queue)

    def finish(self, job: TrackedJob, state: JobState) -> bool:
        """Send a job that has failed to its other queue, or conclude it, if it waited too long.

        Return False where it was not ended for that, or had begun all the same. Once the run is
        cancelled it stays as it is: the next run submits it anew. Raises StorageError where S3
        cannot be asked.
        """
        with self._lock:
            overdue = self._overdue.pop(state.job_id, None)
        if overdue is None or WAITED not in state.status_reason:
            return False
        if len(state.attempts) > overdue.attempts:
            return False
        if self._launcher.fall_back(job, "too late") or self._inflight.is_cancelled:
            return True
        verdict = Verdict(
            "waiting",
            f"Batch job {state.job_id}",
            f"it was RUNNABLE on queue {job.queue} for {tell_duration(overdue.seconds)}, longer "
            "than batchx_runnable_timeout (--batchx-runnable-timeout) lets it wait",
            overdue.why,
        )
        self._conclude(job, Ending(verdict.kind, verdict.message, verdict.sentence))
        return True

    def tell(self) -> Status:
        """Return what jobs have been waiting for, for the status line; "" where none has for long.

        The queue is named where jobs wait on several.
        """
        waits = [
            each
            for each in self.watch.list_waits()
            if each.waiting is not None or each.seconds >= self._context.pace.explain_seconds
        ]
        named = [f"{each.queue}: RUNNABLE" if len(waits) > 1 else "RUNNABLE" for each in waits]
        times = [f" {tell_duration(each.seconds)}" for each in waits]
        reasons = [f": {each.waiting.clause}" if each.waiting else "" for each in waits]
        return Status(
            text="; ".join(map("".join, zip(named, times, reasons, strict=True))),
            lasting="; ".join(map("".join, zip(named, reasons, strict=True))),
        )

    def _find_sizes(self, queue: str) -> Sequence[InstanceSize]:
        platform = self._context.find_known(queue)
        return (platform.instance_sizes if platform else None) or ()

    def _forget(self, job_id: str) -> None:
        self.watch.forget(job_id)
        self._clocks.forget(job_id)
        self._next_tries.pop(job_id, None)

    def _is_overdue(self, job: TrackedJob, since: float) -> bool:
        longest = job.runnable_timeout_seconds
        return longest is not None and self._ports.clock() - since >= longest

    def _is_to_be_tried(self, job_id: str) -> bool:
        """Tell whether it is time to try to end a job, or children of an array; it is tried now."""
        now = self._ports.clock()
        if now < self._next_tries.get(job_id, now):
            return False
        self._next_tries[job_id] = now + self._context.pace.explain_again_seconds
        return True

    # In the background

    def _start(self, problem: str, step: Callable[..., None], *args: Any) -> None:
        self._workers.start_job_step([], self._try, problem, step, *args)

    def _try(self, problem: str, step: Callable[..., None], *args: Any) -> None:
        """Do a step that is no job's own, and is done again later where it fails."""
        try:
            step(*args)
        except BatchxError as error:
            self._warn_once(f"{problem}: {error}")
        except Exception as error:  # noqa: BLE001 - of no job: nobody else would tell of it
            self._ports.log.debug(traceback.format_exc())
            self._warn_once(f"{problem}: batchx failed: {type(error).__name__}: {error}")

    def _warn_once(self, message: str) -> None:
        with self._lock:
            is_new = message not in self._warned
            self._warned.add(message)
        if is_new:
            self._ports.log.warning(f"batchx: {message}")

    def _end_children(self, parent: str) -> None:
        """End the children of an array that have waited too long: each of them is looked at."""
        gateway, overdue = self._ports.gateway, []
        listed = gateway.list_children(parent, "RUNNABLE")
        ours = [each["jobId"] for each in listed if self._inflight.find(each["jobId"])]
        for state in map(interpret_job, gateway.describe_jobs(ours)):
            job, since = self._inflight.find(state.job_id), self._clocks.note_child(state)
            if job is not None and since is not None and self._is_overdue(job, since):
                overdue.append((job, state, since))
        self._end(overdue)

    def _end(self, overdue: Sequence[tuple[TrackedJob, JobState, float]]) -> None:
        """Ask Batch to end jobs that are RUNNABLE still; the watcher sees which of them it ended.

        Each with since when it is that. None is claimed: one that has begun meanwhile goes on, and
        one that cannot be ended waits.
        """
        for queue in {job.queue for job, _, _ in overdue}:
            if self.watch.current(queue) is None:
                self._try(UNEXPLAINED, self.watch.ask, queue)
        if not overdue or self._inflight.is_cancelled:
            return
        ids = [state.job_id for _, state, _ in overdue]
        for job, state, since in overdue:
            self._note_overdue(job, state, since)
        refused = self._ports.gateway.cancel_jobs(ids, WAITED)
        ended = [job_id for job_id in ids if job_id not in refused]
        if ended:
            self._ports.journal.write("waited", batch_job_ids=ended)
        for why in dict.fromkeys(refused.values()):
            self._warn_once(f"{UNENDED}: {why}")

    def _note_overdue(self, job: TrackedJob, state: JobState, since: float) -> None:
        waiting, seconds = self.watch.current(job.queue), self._ports.clock() - since
        why = waiting.sentence if waiting else NOBODY_KNOWS
        with self._lock:
            self._overdue[state.job_id] = _Overdue(seconds, why, len(state.attempts))


def _tell(log: Log, text: str, is_usual: bool) -> None:
    (log.info if is_usual else log.warning)(f"batchx: {text}")
