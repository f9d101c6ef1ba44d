"""A run from the first job handed over to the last one reported.

A job goes: hand over → prepare (stage inputs, spec; in a pool) → wait a moment for others of its
kind → submit, alone or as an array (in a pool of its own; launching.py) → watch (in bulk, on
Snakemake's own beat) → collect (fetch results, verdict; in the first pool) → outcome. Nothing here
knows Snakemake or which AWS it is; the world comes in through `Ports`.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from snakemake_executor_plugin_batchx.adoption import HEAD_CLAIM, claim_for_head
from snakemake_executor_plugin_batchx.batch.reasons import CANCELLED, CLOSED, is_of_head
from snakemake_executor_plugin_batchx.batch.state import TERMINAL, JobState
from snakemake_executor_plugin_batchx.batch.verdict import sum_up_attempt
from snakemake_executor_plugin_batchx.batch.watcher import split_child_id
from snakemake_executor_plugin_batchx.collecting import (
    Collector,
    ResultGoneError,
)
from snakemake_executor_plugin_batchx.concluding import Concluder, Ending
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.hosts_seen import HostsSeen
from snakemake_executor_plugin_batchx.inflight import InFlight, Outcome, TrackedJob
from snakemake_executor_plugin_batchx.job.lease import read_holder
from snakemake_executor_plugin_batchx.launching import Launcher
from snakemake_executor_plugin_batchx.left_teller import LeftTeller
from snakemake_executor_plugin_batchx.noting import make_state
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs
from snakemake_executor_plugin_batchx.status.counts import Counts, count_statuses
from snakemake_executor_plugin_batchx.status.teller import Status
from snakemake_executor_plugin_batchx.storage.fetch import FetchedResult
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.waiting_jobs import WaitingJobs
from snakemake_executor_plugin_batchx.working import Workers

KEPT_BYTES = 8 * 1024
"""Results of that size are held while their jobs' large files wait for their turn."""


class Conductor:
    """Takes jobs in, and tells how each ended. `tick` is to be called again and again."""

    def __init__(self, context: RunContext, ports: Ports) -> None:
        self._context = context
        self._ports = ports
        self._inflight = InFlight()
        self._collector = Collector(context, ports)
        self._specs = KeptSpecs(ports.store, has_secrets=bool(context.shared.envvars))
        self._workers = Workers(self._give_up, ports.log)
        self._told = LeftTeller()
        self._hosts = HostsSeen(ports.find_hosts, ports.journal, ports.log, ports.clock)
        self._launcher = Launcher(
            context, ports, self._inflight, self._specs, self._workers, self._told
        )
        self._concluder = Concluder(self._inflight, ports.journal, self._specs, ports.find_lost)
        self._waiting = WaitingJobs(
            context, ports, self._inflight, self._launcher, self._workers, self._concluder.conclude
        )
        self._numbers = itertools.count(1)
        self._last_warning = ""

    @property
    def submitted_count(self) -> int:
        """How many jobs were submitted."""
        return self._launcher.submitted_count

    @property
    def keeps_output(self) -> bool:
        """Whether the output of all jobs is saved."""
        return self._context.shared.keeps_output

    @property
    def has_unreported(self) -> bool:
        """Whether Snakemake has not been told of some job: the next run looks for what it left."""
        return self._concluder.has_unreported

    @contextmanager
    def open_portion(self, seconds_to_next: float = 0.0) -> Iterator[None]:
        """Hand over jobs in a `with` of this: they are submitted together where they can be.

        `seconds_to_next` is when another portion may follow, 0 where none is to be waited for.
        """
        with self._launcher.hold(seconds_to_next):
            yield

    def hand_over(self, description: JobDescription) -> str:
        """Take a job in and return its name within the run; it is submitted in the background."""
        submission = f"{next(self._numbers):06d}"
        job = TrackedJob(submission, description)
        self._concluder.owe(submission)
        self._inflight.add(job)
        self._launcher.begin(job)
        return submission

    def take_outcomes(self) -> dict[str, Outcome]:
        """Return how jobs ended since this was last called, by their names within the run."""
        return self._inflight.take_outcomes()

    def note_reported(self, submission: str) -> None:
        """Note that Snakemake has recorded a job as done."""
        self._concluder.note_reported(submission)

    def note_rejected(self, submission: str) -> None:
        """Note that Snakemake has recorded a job as failed."""
        self._concluder.note_rejected(submission)

    def tell_status(self) -> Status:
        """Return how many jobs are where, as a line; "" where none is in flight."""
        jobs = self._inflight.list_jobs()
        if not jobs:
            return Status()
        submitted = [job for job in jobs if job.batch_job_id]
        succeeded, failed = self._inflight.count_ended()
        counts = Counts(
            done=succeeded,
            failed=failed,
            preparing=len(jobs) - len(submitted),
            by_status=count_statuses(submitted, self._ports.watcher.summaries),
        )
        return self._waiting.tell().wrap(counts.make_line)

    def tick(self) -> None:
        """Submit what need not wait any longer, ask Batch what is new if it is time to.

        Never raises for what Batch answers: a run outlives a bad hour of the network.
        """
        self._ports.journal.write_noted()
        if self._ports.find_lost():
            self._leave_all()
            return
        self._workers.hasten()
        for line in self._told.take_lines():
            self._ports.log.info(line)
        self._launcher.submit_ready()
        if self._specs.has_unneeded:
            self._workers.start_job_step([], self._forget_specs)
        watcher = self._ports.watcher
        watcher.watch(self._inflight.take_unwatched())
        try:
            poll = watcher.poll_if_due()
        except BatchxError as error:
            if not self._ports.find_lost():
                self._warn_once(f"{error} Trying again.")
            return
        found = [(self._inflight.find(state.job_id), state) for state in poll.states]
        works = [self._note_state(job, state) for job, state in found if job is not None]
        self._workers.start_rows(self._collect_row, [work for work in works if work])
        self._waiting.note(poll, found)
        self._hosts.note_poll(poll)
        if due := self._hosts.take_due():
            self._workers.start_job_step([], self._hosts.ask, due)
        self._ports.journal.write_noted()
        for job_id in poll.lost:
            job = self._inflight.find(job_id)
            if job is not None:
                # It may run all the same: until it is found to be gone, a Ctrl-C ends it, too.
                self._workers.start_job_step([job], self._look_for_lost, job, job_id)

    def cancel(self, reason: str = CANCELLED) -> None:
        """End every job that has not ended; none is submitted from now on.

        A job whose submission is under way is ended by its own thread, for the same reason.
        """
        jobs = self._inflight.cancel()
        self._ports.stopped.set()
        self._ports.transfer.stop()
        self._launcher.stop(reason)
        job_ids = list_ids_to_end(jobs)
        if job_ids:
            self._ports.log.info(
                f"batchx: ending {len(jobs)} {'job' if len(jobs) == 1 else 'jobs'} on AWS Batch."
            )
            self._launcher.end_on_batch(job_ids)
            self._ports.journal.write("cancel", batch_job_ids=job_ids)
            self._ports.log.info("batchx: AWS Batch ends them.")

    def close(self) -> None:
        """End what is left, if it can be, and wait for what is being submitted or collected."""
        if self._ports.find_lost():
            self._leave_all()
            self._workers.close()
            self._leave_all()
            return
        self.cancel(CLOSED)
        self._workers.close()
        self._hosts.finish(self._ports.watcher.describe_untold)
        self._launcher.end_obsolete()
        try:
            self._launcher.settle_doubts()
        except BatchxError as error:
            self._warn_once(f"A submission that Batch never answered may have left a job: {error}")
        self._specs.release_all(self._ports.left.list_spec_keys())
        self._forget_specs()

    def _leave_all(self) -> None:
        """Let all jobs go on as they are on Batch, now that it cannot be asked about them."""
        jobs = self._inflight.list_jobs()
        if not self._inflight.is_cancelled:
            self._inflight.cancel()
            self._ports.stopped.set()
            self._ports.transfer.stop()
            self._launcher.stop(CLOSED)
            left = f"{len(jobs)} {'job is' if len(jobs) == 1 else 'jobs are'}"
            self._ports.log.warning(
                f"batchx: {self._ports.find_lost()} The run ends here; {left} left as they are on "
                "AWS Batch, and the next run takes them up."
            )
        for job in jobs:
            self._concluder.leave(job)

    def _warn_once(self, message: str) -> None:
        if message != self._last_warning:
            self._ports.log.warning(f"batchx: {message}")
        self._last_warning = message

    # Watch and collect

    def _note_state(
        self, job: TrackedJob, state: JobState
    ) -> tuple[TrackedJob, JobState, bool] | None:
        """Note what is new of a job; return what `_collect` wants where it has ended."""
        is_first_look = not job.last_status
        if len(state.attempts) > job.attempts:
            job.attempts = len(state.attempts)
            is_old = is_first_look and job.is_adopted
            if not (state.is_terminal or is_old):
                self._told.note("again", job, sum_up_attempt(state.attempts[-1]))
        if state.status != job.last_status:
            self._ports.log.debug(
                f"batchx: {job.description.label}: job {state.job_id} is {state.status}."
            )
            job.last_status = state.status
            self._ports.journal.note("state", **make_state(job.submission, state))
        if state.is_terminal and self._inflight.claim_collecting(job):
            # A head that was interrupted may have ended it just now.
            is_by_head = is_of_head(state.status_reason)
            is_of_earlier_run = job.is_adopted and (is_first_look or is_by_head)
            return job, state, is_of_earlier_run
        return None

    def _look_for_lost(self, job: TrackedJob, job_id: str) -> None:
        """Ask ListJobs for a job that DescribeJobs has not known for long."""
        found = self._ports.gateway.find_jobs_by_name(job.queue, job.name)
        if split_child_id(job_id)[0] in {each["jobId"] for each in found}:
            if not self._inflight.note_batch_id(job, job_id):
                self._launcher.end_on_batch([job_id])
            return
        claim_for_head(self._ports.store, job.lease_key, self._context.run_id)
        if job.is_adopted:
            self._launcher.begin_anew(job)
            return
        message = f"AWS Batch does not know job {job_id} any more."
        self._concluder.conclude(job, Ending("lost", message, message))

    def _collect_row(self, works: Sequence[tuple[TrackedJob, JobState, bool]]) -> None:
        """Collect many jobs: at once what can be, each of the others in a thread of its own."""
        results = self._collector.read_ahead([(job, state) for job, state, _ in works])
        for job, state, is_of_earlier_run in works:
            ahead = results.pop(job.result_key, None)
            is_needed = self._collector.is_result_needed(job, state)
            if ahead.is_whole if ahead else not is_needed:
                self._workers.do([job], self._collect, job, state, ahead, is_of_earlier_run)
                continue
            if ahead and len(ahead.packet) > KEPT_BYTES:
                ahead = None  # it may have to wait, and so may thousands
            self._workers.start_job_step([job], self._collect, job, state, ahead, is_of_earlier_run)

    def _collect(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None, is_of_earlier_run: bool
    ) -> None:
        """Conclude a job; one that ended before this run took it up must have brought something."""
        if state.status != "SUCCEEDED":
            if self._follow_lease(job, state, is_of_earlier_run=is_of_earlier_run):
                return
            if self._waiting.finish(job, state):
                return
            if is_of_earlier_run:
                self._launcher.begin_anew(job)
                return
            failure = self._collector.collect_failure(job, state, ahead)
            if failure.verdict.kind == "infrastructure" and self._launcher.fall_back(job):
                return
            self._concluder.conclude(job, self._collector.tell_failure(job, state, failure))
            return
        try:
            ending = self._collector.collect_success(job, state, ahead)
        except ResultGoneError:
            if not is_of_earlier_run:
                raise
            self._launcher.begin_anew(job)
            return
        self._concluder.conclude(job, ending)

    def _follow_lease(self, job: TrackedJob, state: JobState, *, is_of_earlier_run: bool) -> bool:
        """Watch the twin of a job that has its work; False without one.

        The job stopped because of it, or was ended by an earlier run before it could find out.
        """
        attempt = state.last_attempt
        has_stopped = attempt is not None and attempt.exit_code == EXIT_LEASE_LOST
        if not (has_stopped or is_of_earlier_run):
            return False
        try:
            holder = read_holder(self._ports.store, job.lease_key)
        except StorageError:
            return False
        if holder == state.job_id or holder.startswith(HEAD_CLAIM):
            return False
        self._launcher.follow(job, holder)
        return True

    def _forget_specs(self) -> None:
        try:
            self._specs.delete_unneeded()
        except StorageError as error:
            self._warn_once(f"A job's spec, with the values of envvars, could not go: {error}")

    def _give_up(self, jobs: Sequence[TrackedJob], message: str, kind: str) -> None:
        """Conclude jobs that this head cannot go on with, and end those that may run still."""
        concluded = [job for job in jobs if job.outcome is None]
        for job in concluded:
            self._concluder.conclude(job, Ending(kind, message, message))
        if self._ports.find_lost():
            return
        # For Snakemake they have failed: nobody would wait for them.
        left = [
            job.batch_job_id
            for job in concluded
            if job.batch_job_id and job.last_status not in TERMINAL
        ]
        if left:
            self._launcher.end_on_batch(left)


def list_ids_to_end(jobs: Sequence[TrackedJob]) -> list[str]:
    """Return what to terminate so that these jobs end, and no other: parents of arrays first.

    An array of this run is ended as a whole, of an adopted one the children that were taken up.
    """
    ids = [
        job.batch_job_id if job.is_adopted else split_child_id(job.batch_job_id)[0]
        for job in jobs
        if job.batch_job_id
    ]
    return sorted(dict.fromkeys(ids), key=lambda job_id: ":" in job_id)
