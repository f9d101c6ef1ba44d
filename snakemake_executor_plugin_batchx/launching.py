"""From a job that was handed over to a Batch job that does its work.

That is one that an earlier run left, where there is one; else a new one, alone or in an array.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from snakemake_executor_plugin_batchx.adoption import claim_for_head, decide_adoption
from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.arrayer import Arrayer
from snakemake_executor_plugin_batchx.batch.reasons import ABANDONED, OBSOLETE
from snakemake_executor_plugin_batchx.batch.watcher import make_child_id
from snakemake_executor_plugin_batchx.inflight import InFlight, TrackedJob
from snakemake_executor_plugin_batchx.left_teller import Fate, LeftTeller
from snakemake_executor_plugin_batchx.noting import make_demand, make_item
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.preparing import Preparer, ReadyGroup, ReadyJob
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs
from snakemake_executor_plugin_batchx.working import Workers

INACTIVE = "is not in ACTIVE status"
"""What Batch says of a definition that was deregistered
(https://github.com/AlexsLemonade/refinebio/issues/2887)."""

CLAIM_THREADS = 16
"""How many leases are claimed at once when a run ends."""

JOBS_AT_ONCE = 64
"""How many jobs are handed over before the first of them are prepared."""


class Launcher:
    """Prepares jobs and submits them together where they can be. Safe to use from many threads."""

    def __init__(
        self,
        context: RunContext,
        ports: Ports,
        inflight: InFlight,
        specs: KeptSpecs,
        workers: Workers,
        told: LeftTeller,
    ) -> None:
        self._context = context
        self._ports = ports
        self._inflight = inflight
        self._specs = specs
        self._workers = workers
        self._preparer = Preparer(context, ports)
        self._arrayer: Arrayer[ReadyJob] = Arrayer(
            ports.clock,
            quiet_seconds=context.pace.quiet_seconds,
            hold_seconds=context.pace.hold_seconds,
        )
        self._told = told
        self._reason = ""
        self._handed_over: list[TrackedJob] = []
        self._obsolete: list[str] = []
        self._doubtful: list[TrackedJob] = []
        self._notes: set[str] = set()
        self.submitted_count = 0

    @contextmanager
    def hold(self, seconds_to_next: float) -> Iterator[None]:
        """Hold back jobs while more are handed over, and so many seconds longer."""
        self._arrayer.expect()
        try:
            yield
        finally:
            self._begin_preparing()
            if seconds_to_next:
                self._arrayer.expect_for(seconds_to_next)
            self._arrayer.settle()
            self.submit_ready()

    def begin(self, job: TrackedJob) -> None:
        """Begin to prepare a job that is handed over, in a `with` of `hold`."""
        self._arrayer.expect()
        self._handed_over.append(job)
        if len(self._handed_over) >= JOBS_AT_ONCE:
            self._begin_preparing()

    def _begin_preparing(self) -> None:
        jobs, self._handed_over = self._handed_over, []
        self._workers.start_job_steps(self._prepare, jobs)

    def begin_anew(self, job: TrackedJob) -> None:
        """Begin again with a job whose adopted Batch job brought nothing."""
        self._told.note("anew", job)
        self._begin_again(job)

    def fall_back(self, job: TrackedJob, fate: Fate = "elsewhere") -> bool:
        """Send a job to its other queue, as its hosts were taken away; False where it has none.

        It has a lease and a result of its own there; the first lease is this head's from now on, so
        that no twin of a submission without an answer works under it. One that does already is
        followed. Raises StorageError where S3 cannot be asked.
        """
        queue = job.fallback_queue
        if queue is None or self._inflight.is_cancelled:
            return False
        twin_id = self._claim(job)
        if twin_id is not None:
            self.follow(job, twin_id)
            return True
        self._ports.journal.write("fallback", submission=job.submission, queue=queue)
        self._told.note(fate, job)
        job.queue, job.fallback_queue = queue, None
        job.rounds += 1
        self._begin_again(job)
        return True

    def follow(self, job: TrackedJob, twin_id: str) -> None:
        """Watch the twin that has a job's work."""
        self._ports.journal.write("follows", submission=job.submission, batch_job_id=twin_id)
        job.last_status = ""
        if not self._inflight.note_batch_id(job, twin_id):
            self.end_on_batch([twin_id])

    def _begin_again(self, job: TrackedJob) -> None:
        self._specs.release(job)
        self._inflight.forget_batch_id(job)
        self._arrayer.expect()
        self._workers.start_job_step([job], self._prepare, job)

    def submit_ready(self) -> None:
        """Begin to submit what need not wait for others any longer."""
        for group in self._arrayer.take_ready():
            # In Snakemake's order, whichever thread was the quickest.
            self._begin_submitting(sorted(group, key=lambda ready: ready.job.submission))

    def stop(self, reason: str) -> None:
        """Submit nothing from now on; what is under way ends for this reason."""
        self._reason = self._reason or reason
        self._arrayer.clear()

    def end_on_batch(self, job_ids: Sequence[str], reason: str = ABANDONED) -> None:
        """Terminate Batch jobs, and tell the user of those that could not be."""
        problems = self._ports.gateway.terminate_jobs(job_ids, self._reason or reason)
        for problem in problems:
            self._ports.log.warning(f"batchx: {problem}")
        if problems:
            self._ports.log.warning(
                "batchx: what goes on there can be ended later: "
                f"batchx jobs sweep {self._context.run_id}"
            )

    def settle_doubts(self) -> None:
        """End the jobs that submissions without an answer may have made.

        Of those that ListJobs does not show yet, this head takes the lease: they will do no work.
        Raises BatchxError where AWS cannot be asked.
        """
        found: list[str] = []
        with ExitStack() as stack:  # what one step could not do keeps none from the next
            stack.callback(self._end_found, found)
            stack.callback(self._claim_doubtful, found)
            for doubt in self._ports.submitter.list_doubts():
                found += self._ports.submitter.find_accepted(doubt, "cancel")

    def _end_found(self, found: list[str]) -> None:
        if found:
            self.end_on_batch(list(dict.fromkeys(found)))

    def _claim_doubtful(self, found: list[str]) -> None:
        """Take the leases of jobs that may have a twin; add the twins that work already.

        Also of those that were submitted again: a twin that is not shown yet would work for them.
        """
        brought_nothing = [
            job for job in self._doubtful if job.outcome is None or job.outcome.message
        ]
        with ThreadPoolExecutor(CLAIM_THREADS) as pool:
            found += filter(None, pool.map(self._claim, brought_nothing))

    def _claim(self, job: TrackedJob) -> str | None:
        """Take a job's lease for this head; return who else works under it."""
        working_id = claim_for_head(self._ports.store, job.lease_key, self._context.run_id)
        return None if working_id == job.batch_job_id else working_id

    def _prepare(self, job: TrackedJob) -> None:
        try:
            if not self._inflight.is_cancelled:
                ready = self._preparer.prepare(job)
                if not self._adopt(ready):
                    self._queue(ready)
        finally:
            self._arrayer.settle()
        self.submit_ready()

    def _adopt(self, ready: ReadyJob) -> bool:
        """Take up the Batch job that an earlier run left of the same work; tell whether one is."""
        job = ready.job
        ports, left = self._ports, self._ports.left.take(job.work)
        if left is None:
            return False
        files = job.description.storage_files
        self._specs.note(left.spec_key, [job], is_secret=bool(ready.request.passed))
        try:
            found = decide_adoption(ports.store, left, job.fingerprint, files, self._context.run_id)
        except BaseException:
            ports.left.put_back(left)
            raise
        if found.adopted_id is None:
            self._obsolete += [found.obsolete_id] if found.obsolete_id else []
            return False
        job.is_adopted = True
        job.prefix, job.name, job.spec_key = left.prefix, left.name, left.spec_key
        job.queue = left.queue or job.queue
        if job.queue == job.fallback_queue:
            job.fallback_queue = None
        ports.journal.write(
            "adopted",
            name=job.name,
            queue=job.queue,
            spec_key=job.spec_key,
            batch_job_id=found.adopted_id,
            **make_demand(ready.request, job.image),
            jobs=[make_item(job)],
        )
        has_gone_on = self._inflight.note_batch_id(job, found.adopted_id)
        self._told.note("taken up", job)
        if not has_gone_on:
            self.end_on_batch([found.adopted_id])
        return True

    def _queue(self, ready: ReadyJob) -> None:
        if ready.is_single:
            self._begin_submitting([ready])
        else:
            self._arrayer.add(ready.array_key, ready)

    def _begin_submitting(self, group: list[ReadyJob]) -> None:
        jobs = [ready.job for ready in group]
        self._workers.start_submission(jobs, self._submit, group)

    def _submit(self, group: list[ReadyJob]) -> None:
        if self._inflight.is_cancelled:
            return
        self.end_obsolete()
        ports, jobs = self._ports, [ready.job for ready in group]
        planned = self._preparer.plan_group(group)
        self._specs.note(planned.spec_key, jobs, is_secret=bool(group[0].request.passed))
        ports.store.write_bytes(planned.spec_key, planned.packet)
        self._write_intent(planned, group)
        try:
            job_id = self._send(group[0], planned.request)
        finally:
            if ports.submitter.is_doubtful(planned.request):
                self._doubtful += jobs
        if job_id is None:
            return
        ports.journal.write("submitted", spec_key=planned.spec_key, batch_job_id=job_id)
        self.submitted_count += len(jobs)
        if not self._note_ids(jobs, job_id):
            self.end_on_batch([job_id])
            return
        self._tell_submitted(group, job_id)

    def _send(self, ready: ReadyJob, request: dict[str, Any]) -> str | None:
        """Submit a request; its definition is renewed if somebody pruned it meanwhile."""
        try:
            return self._ports.submitter.submit(request)
        except AwsError as error:
            if INACTIVE not in str(error):
                raise
            self._preparer.renew_definition(ready, request)
            return self._ports.submitter.submit(request)

    def end_obsolete(self) -> None:
        """End jobs of earlier runs whose work is done anew, before the new ones are submitted.

        And when this run ends, for no later one knows of them.
        """
        obsolete, self._obsolete = self._obsolete, []
        if obsolete:
            self._ports.log.info(
                f"batchx: ending {len(obsolete)} Batch jobs that an earlier run left: what they "
                "are made from has changed."
            )
            for problem in self._ports.gateway.terminate_jobs(obsolete, OBSOLETE):
                self._ports.log.warning(f"batchx: {problem}")

    def _write_intent(self, planned: ReadyGroup, group: list[ReadyJob]) -> None:
        self._ports.journal.write(
            "intent",
            is_intent=True,
            name=planned.request["jobName"],
            queue=planned.request["jobQueue"],
            definition=planned.request["jobDefinition"],
            spec_key=planned.spec_key,
            **make_demand(group[0].request, group[0].job.image),
            jobs=[make_item(ready.job) for ready in group],
        )

    def _note_ids(self, jobs: list[TrackedJob], job_id: str) -> bool:
        """Note the Batch ids of jobs that went together; False where the run was cancelled."""
        if len(jobs) == 1:
            return self._inflight.note_batch_id(jobs[0], job_id)
        noted = [
            self._inflight.note_batch_id(job, make_child_id(job_id, index))
            for index, job in enumerate(jobs)
        ]
        return all(noted)

    def _tell_submitted(self, group: list[ReadyJob], job_id: str) -> None:
        first = group[0]
        what = f"{first.job.description.label} is Batch job"
        if len(group) > 1:
            what = f"{len(group)} jobs of {first.rule} are array job"
        self._ports.log.info(
            f"batchx: {what} {job_id} ({first.job.name}) on queue {first.request.platform.queue}: "
            f"{first.request.resources}, image {first.job.image}"
        )
        self._tell_notes(first)
        for ready in group:
            if ready.job.fallback_queue is None:
                ready.job.description = ready.job.description.drop_details()

    def _tell_notes(self, ready: ReadyJob) -> None:
        """Say what became of sizes that were asked for, once for all jobs of a rule."""
        for note in ready.request.notes:
            line = f"batchx: {ready.rule}: {note}."
            if line not in self._notes:
                self._notes.add(line)
                self._ports.log.info(line)
