"""The jobs in flight: in from the moment they are handed over, out when they are reported.

Snakemake's own list of active jobs is empty while it checks them, so it cannot be what a Ctrl-C
goes by; this one can.
"""

import threading
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.job.lease import make_lease_key
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.resources import BatchResources


@dataclass(frozen=True)
class Outcome:
    """How a job ended for Snakemake: None as message means success.

    `logs` are files of this machine that have what it wrote.
    """

    message: str | None
    batch_job_id: str | None
    logs: tuple[str, ...] = ()


@dataclass
class TrackedJob:
    """A job on its way: `submission` names it within the run, `batch_job_id` comes with time.

    `prefix` is that of its lease and result under the S3 root, `name` that of the Batch job or
    array it is in, `queue` where that is, and `fallback_queue` where it goes once more if its hosts
    are taken away. `resources` and `consumables` are what it asks for, and after
    `runnable_timeout_seconds` in RUNNABLE it has waited too long. With `is_adopted` it was
    submitted by an earlier run. `attempts` counts its starts on Batch that have ended.
    """

    submission: str
    description: JobDescription
    batch_job_id: str | None = None
    name: str = ""
    queue: str = ""
    fallback_queue: str | None = None
    rounds: int = 1
    fingerprint: str = ""
    work: str = ""
    prefix: str = ""
    spec_key: str = ""
    image: str = ""
    memory_mib: int = 0
    resources: BatchResources | None = None
    consumables: tuple[tuple[str, int], ...] = ()
    runnable_timeout_seconds: int | None = None
    newest_input_ns: int = 0
    last_status: str = ""
    attempts: int = 0
    is_adopted: bool = False
    is_collecting: bool = False
    is_ended_by_us: bool = False
    outcome: Outcome | None = None

    @property
    def place(self) -> str:
        """The name of its folder in the run's: another each time it is submitted anew."""
        return self.submission if self.rounds == 1 else f"{self.submission}-{self.rounds}"

    @property
    def lease_key(self) -> str:
        """The key of the object whose owner does the work."""
        return make_lease_key(self.prefix)

    @property
    def result_key(self) -> str:
        """The key of the object that the job leaves."""
        return f"{self.prefix}/result"


class InFlight:
    """A locked registry of tracked jobs, and whether the run has been cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, TrackedJob] = {}
        self._by_batch_id: dict[str, TrackedJob] = {}
        self._unwatched: list[str] = []
        self._ended: dict[str, Outcome] = {}
        self._is_cancelled = False
        self._succeeded = self._failed = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether no further job may be submitted."""
        with self._lock:
            return self._is_cancelled

    def add(self, job: TrackedJob) -> None:
        """Take a job in."""
        with self._lock:
            self._jobs[job.submission] = job

    def note_batch_id(self, job: TrackedJob, batch_job_id: str) -> bool:
        """Note which Batch job does a job's work; return False where the run was cancelled.

        The caller of False has to end the job: whoever cancelled did not know of it.
        """
        with self._lock:
            if job.batch_job_id:
                self._by_batch_id.pop(job.batch_job_id, None)
            job.batch_job_id = batch_job_id
            job.is_collecting = False
            job.is_ended_by_us = False
            job.attempts = 0
            self._by_batch_id[batch_job_id] = job
            self._unwatched.append(batch_job_id)
            return not self._is_cancelled

    def forget_batch_id(self, job: TrackedJob) -> None:
        """Note that no Batch job does a job's work any more: it is to be submitted anew."""
        with self._lock:
            self._by_batch_id.pop(job.batch_job_id or "", None)
            job.batch_job_id = None
            job.last_status = ""
            job.is_collecting = False
            job.is_adopted = False

    def take_unwatched(self) -> list[str]:
        """Return the Batch ids that nobody has asked for yet, each once."""
        with self._lock:
            taken, self._unwatched = self._unwatched, []
            return taken

    def find(self, batch_job_id: str) -> TrackedJob | None:
        """Return the job whose work a Batch job does, None where that is no job of this run."""
        with self._lock:
            return self._by_batch_id.get(batch_job_id)

    def claim_collecting(self, job: TrackedJob) -> bool:
        """Mark a job as being collected; return False where it already was."""
        with self._lock:
            is_first = not job.is_collecting and job.outcome is None
            job.is_collecting = True
            return is_first

    def conclude(self, job: TrackedJob, message: str | None, logs: tuple[str, ...] = ()) -> None:
        """Set the outcome of a job that has none, for Snakemake to be told; None means success."""
        with self._lock:
            if job.outcome is None:
                job.outcome = self._ended[job.submission] = Outcome(message, job.batch_job_id, logs)
                self._succeeded += message is None
                self._failed += message is not None

    def take_outcomes(self) -> dict[str, Outcome]:
        """Return how jobs ended, by submission, each once, and let them go."""
        with self._lock:
            ended, self._ended = self._ended, {}
            for submission in ended:
                job = self._jobs.pop(submission)
                self._by_batch_id.pop(job.batch_job_id or "", None)
            return ended

    def list_jobs(self) -> list[TrackedJob]:
        """Return the jobs that have not ended for Snakemake."""
        with self._lock:
            return [job for job in self._jobs.values() if job.outcome is None]

    def count_ended(self) -> tuple[int, int]:
        """Return how many jobs have succeeded, and how many have failed."""
        with self._lock:
            return self._succeeded, self._failed

    def cancel(self) -> list[TrackedJob]:
        """Forbid further submissions; return the jobs that are to be ended on Batch.

        Each once, however often this is called.
        """
        with self._lock:
            self._is_cancelled = True
            ending = [job for job in self._jobs.values() if _is_to_be_ended(job)]
            for job in ending:
                job.is_ended_by_us = True
            return ending


def _is_to_be_ended(job: TrackedJob) -> bool:
    is_left = not (job.is_collecting or job.is_ended_by_us) and job.outcome is None
    return bool(job.batch_job_id) and is_left
