"""A run from the first job handed over to the last one reported.

A job goes: hand over → prepare (stage inputs, definition, spec, submit; in a bounded pool) →
watch (in bulk, on Snakemake's own beat) → collect (fetch results, verdict; in the pool) → outcome.
Nothing here knows Snakemake or which AWS it is; the world comes in through `Ports`.
"""

import itertools
import json
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.verdict import judge_failure
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import InFlight, Outcome, TrackedJob
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.names import make_fingerprint, make_job_name
from snakemake_executor_plugin_batchx.plan.resources import BatchResources, plan_resources
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.spec import (
    Entry,
    JobSpec,
    encode,
    make_packet,
)
from snakemake_executor_plugin_batchx.storage.fetch import FetchedResult, list_missing
from snakemake_executor_plugin_batchx.storage.gateway import StorageError

POOL_THREADS = 8
"""How many jobs are prepared or collected at once; their files move in a pool of their own."""

STUCK = "MISCONFIGURATION:"
"""https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html"""

LOG_KINDS = ("log", "benchmark")


class Conductor:
    """Takes jobs in, and tells how each ended. `tick` is to be called again and again."""

    def __init__(self, context: RunContext, ports: Ports) -> None:
        self._context = context
        self._ports = ports
        self._inflight = InFlight()
        self._numbers = itertools.count(1)
        self._last_warning = ""
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="batchx-job")
        self._reason = ""
        self._secret_keys: dict[str, str] = {}
        self.submitted_count = 0

    def hand_over(self, description: JobDescription) -> str:
        """Take a job in and return its name within the run; it is submitted in the background."""
        submission = f"{next(self._numbers):06d}"
        job = TrackedJob(submission, description)
        self._inflight.add(job)
        self._pool.submit(self._guard, job, self._prepare)
        return submission

    def take_outcome(self, submission: str) -> Outcome | None:
        """Return how a job ended, once; None while it is on its way."""
        return self._inflight.take_outcome(submission)

    def tick(self) -> None:
        """Ask Batch what is new, if it is time to, and begin to collect what has ended.

        Never raises for what Batch answers: a run outlives a bad hour of the network.
        """
        watched = self._inflight.list_watched()
        try:
            poll = self._ports.watcher.poll_if_due(list(watched))
        except BatchxError as error:
            self._warn_once(f"{error} Trying again.")
            return
        for state in poll.states:
            self._note_state(watched[state.job_id], state)
        for job_id in poll.lost:
            job = watched[job_id]
            if self._inflight.claim_collecting(job):
                self._conclude(job, f"AWS Batch does not know job {job_id} any more.", "lost")

    def cancel(self, reason: str) -> None:
        """End every job that has not ended; none is submitted from now on.

        A job whose submission is under way is ended by its own thread, for the same reason.
        """
        self._reason = self._reason or reason
        job_ids = self._inflight.cancel()
        self._ports.transfer.stop()
        if job_ids:
            self._ports.log.info(f"batchx: ending {len(job_ids)} jobs on AWS Batch.")
            self._terminate(job_ids)
            self._ports.journal.write("cancel", batch_job_ids=job_ids)

    def close(self) -> None:
        """End what is left, and wait for what is being submitted or collected."""
        self.cancel("The Snakemake run has ended.")
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._forget_secrets(list(self._secret_keys))

    def _terminate(self, job_ids: list[str]) -> None:
        for problem in self._ports.gateway.terminate_jobs(job_ids, self._reason):
            self._ports.log.warning(f"batchx: {problem}")

    def _warn_once(self, message: str) -> None:
        if message != self._last_warning:
            self._ports.log.warning(f"batchx: {message}")
        self._last_warning = message

    def _guard(self, job: TrackedJob, step: Callable[..., None], *args: Any) -> None:
        """Do a step in the pool; whatever goes wrong becomes the job's outcome."""
        try:
            step(job, *args)
        except (BatchxError, OSError) as error:
            self._conclude(job, str(error), "batchx")
        except Exception as error:  # noqa: BLE001 - a bug of ours must fail its job, not hang it
            self._ports.log.debug(traceback.format_exc())
            self._conclude(job, f"batchx failed: {type(error).__name__}: {error}", "bug")

    # Prepare

    def _prepare(self, job: TrackedJob) -> None:
        description, ports = job.description, self._ports
        if self._inflight.is_cancelled:
            return
        label = description.label
        image = ports.images.provide(description.container or "", label)
        resources = plan_resources(description.resources, label, image.find_memory_mib())
        job.image = image.base
        job.memory_mib = resources.memory_mib
        inputs = ports.stager.stage_inputs(description.inputs, description.label)
        job.newest_input_ns = max((entry.mtime_ns for entry in inputs), default=0)
        fingerprint = make_fingerprint(
            argv=description.argv,
            sources=self._context.shared.list_source_hashes(),
            inputs=inputs,
            image=job.image,
            resources=encode(resources),
            work_dir=self._context.work_dir,
        )
        name = make_job_name("-".join(description.rules), fingerprint, description.attempt)
        self._write_spec(job, inputs)
        definition_arn = ports.definitions.provide("-".join(description.rules), image)
        self._submit(job, name, definition_arn, resources)

    def _write_spec(self, job: TrackedJob, inputs: tuple[Entry, ...]) -> None:
        prefix = self._context.root.get_submission_prefix(self._context.run_id, job.submission)
        job.result_key, job.spec_key = f"{prefix}/result", f"{prefix}/spec"
        spec = JobSpec(
            argv=job.description.argv,
            inputs=inputs,
            products=job.description.products,
            steps=job.description.steps,
            lease_key=f"{prefix}/lease",
            result_key=job.result_key,
            checkpoints=job.description.checkpoints,
            environments=job.description.environments,
            image=job.image,
            storage_files=job.description.storage_files,
            storage_dir=job.description.storage_dir,
        )
        packet = make_packet(encode(self._context.shared), [json.dumps(encode(spec)).encode()])
        if self._context.shared.envvars:
            self._secret_keys[job.submission] = job.spec_key
        self._ports.store.write_bytes(job.spec_key, packet)

    def _submit(
        self, job: TrackedJob, name: str, definition_arn: str, resources: BatchResources
    ) -> None:
        context, ports = self._context, self._ports
        url = context.root.make_url(job.spec_key)
        request = plan_submission(
            name=name,
            queue=context.job_queue,
            definition_arn=definition_arn,
            command=make_job_command(context.python, context.region, url),
            resources=resources,
            tags=context.tags,
        )
        if self._inflight.is_cancelled:
            return
        ports.journal.write(
            "intent",
            is_intent=True,
            submission=job.submission,
            name=name,
            rules=job.description.rules,
            attempt=job.description.attempt,
            queue=context.job_queue,
            definition=definition_arn,
        )
        job_id = ports.gateway.submit_job(request)
        ports.journal.write("submitted", submission=job.submission, batch_job_id=job_id)
        self.submitted_count += 1
        if not self._inflight.note_submitted(job, job_id):
            self._terminate([job_id])
            return
        ports.log.info(
            f"batchx: {job.description.label} is Batch job {job_id} ({name}): "
            f"{resources}, image {job.image}"
        )

    # Watch and collect

    def _note_state(self, job: TrackedJob, state: JobState) -> None:
        if state.status != job.last_status:
            job.last_status = state.status
            self._ports.journal.write(
                "state",
                submission=job.submission,
                status=state.status,
                reason=state.status_reason,
                attempts=len(state.attempts),
            )
        if state.status == "RUNNABLE" and state.status_reason.startswith(STUCK):
            self._warn_once(
                f"{job.description.label} waits for something that may never come: "
                f"{state.status_reason}"
            )
        if state.is_terminal and self._inflight.claim_collecting(job):
            self._pool.submit(self._guard, job, self._collect, state)

    def _collect(self, job: TrackedJob, state: JobState) -> None:
        is_success = state.status == "SUCCEEDED"
        fetched = self._fetch_result(job, is_owed=is_success)
        if fetched and fetched.result.attempt < len(state.attempts):
            fetched = None  # an earlier attempt's, whose host was lost
        if not is_success:
            self._collect_failure(job, state, fetched)
            return
        if fetched is None:
            raise BatchxError(
                f"Batch job {state.job_id} succeeded but left no result at "
                f"{self._context.root.make_url(job.result_key)}: was it deleted?"
            )
        products = job.description.products
        missing = list_missing(fetched.result, products)
        if missing:
            raise BatchxError(
                f"Batch job {state.job_id} succeeded but did not make {', '.join(missing)}."
            )
        self._place(job, fetched, is_success=True)
        self._conclude(job, None, "success", fetched)

    def _collect_failure(
        self, job: TrackedJob, state: JobState, fetched: FetchedResult | None
    ) -> None:
        result = fetched.result if fetched else None
        verdict = judge_failure(state, result, image=job.image, memory_mib=job.memory_mib)
        if fetched:
            self._place(job, fetched, is_success=False)
        self._conclude(job, verdict.message, verdict.kind, fetched)

    def _forget_secrets(self, submissions: list[str]) -> None:
        """Delete specs that hold the workflow's `envvars:`, of jobs that have ended."""
        keys = [self._secret_keys.pop(each) for each in submissions if each in self._secret_keys]
        try:
            self._ports.store.delete_objects(keys)
        except StorageError as error:
            self._warn_once(f"A job's spec, with the values of envvars, could not go: {error}")

    def _fetch_result(self, job: TrackedJob, *, is_owed: bool) -> FetchedResult | None:
        """Return a job's result, None where the container died before it could leave one."""
        try:
            return self._ports.fetcher.fetch_result(job.result_key)
        except StorageError as error:
            # Who may not list the bucket is told 403, not 404, of what is not there.
            if error.code in {"NoSuchKey", "404"} or not is_owed:
                return None
            raise

    def _place(self, job: TrackedJob, fetched: FetchedResult, *, is_success: bool) -> None:
        is_whole = is_success or "--keep-incomplete" in job.description.argv
        products = [p for p in job.description.products if is_whole or p.kind in LOG_KINDS]
        self._ports.fetcher.place_files(
            fetched, products, now_ns=self._ports.clock_ns(), newest_ns=job.newest_input_ns
        )

    def _conclude(
        self, job: TrackedJob, message: str | None, kind: str, fetched: FetchedResult | None = None
    ) -> None:
        self._ports.journal.write(
            "verdict",
            submission=job.submission,
            batch_job_id=job.batch_job_id,
            kind=kind,
            exit_code=fetched.result.exit_code if fetched else None,
            usage=encode(fetched.result.usage) if fetched else None,
        )
        self._forget_secrets([job.submission])
        self._inflight.conclude(job, message)
