"""The jobs in flight: in from the moment they are handed over, out when they are reported.

Snakemake's own list of active jobs is empty while it checks them, so it cannot be what a Ctrl-C
goes by; this one can.
"""

import threading
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.plan.job import JobDescription


@dataclass(frozen=True)
class Outcome:
    """How a job ended for Snakemake: None as message means success."""

    message: str | None
    batch_job_id: str | None


@dataclass
class TrackedJob:
    """A job on its way: `submission` names it within the run, `batch_job_id` comes with time."""

    submission: str
    description: JobDescription
    batch_job_id: str | None = None
    image: str = ""
    memory_mib: int = 0
    newest_input_ns: int = 0
    result_key: str = ""
    spec_key: str = ""
    last_status: str = ""
    is_collecting: bool = False
    is_ended_by_us: bool = False
    outcome: Outcome | None = None


class InFlight:
    """A locked registry of tracked jobs, and whether the run has been cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, TrackedJob] = {}
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether no further job may be submitted."""
        with self._lock:
            return self._is_cancelled

    def add(self, job: TrackedJob) -> None:
        """Take a job in."""
        with self._lock:
            self._jobs[job.submission] = job

    def note_submitted(self, job: TrackedJob, batch_job_id: str) -> bool:
        """Note a job's Batch id; return False where the run was cancelled meanwhile.

        The caller of False has to end the job: whoever cancelled did not know of it.
        """
        with self._lock:
            job.batch_job_id = batch_job_id
            return not self._is_cancelled

    def list_watched(self) -> dict[str, TrackedJob]:
        """Return the jobs to ask Batch about, by Batch id."""
        with self._lock:
            return {
                job.batch_job_id: job
                for job in self._jobs.values()
                if job.batch_job_id and not job.is_collecting and job.outcome is None
            }

    def claim_collecting(self, job: TrackedJob) -> bool:
        """Mark a job as being collected; return False where it already was."""
        with self._lock:
            is_first = not job.is_collecting and job.outcome is None
            job.is_collecting = True
            return is_first

    def conclude(self, job: TrackedJob, message: str | None) -> None:
        """Set a job's outcome, for Snakemake to be told; None means success."""
        with self._lock:
            job.outcome = Outcome(message, job.batch_job_id)

    def take_outcome(self, submission: str) -> Outcome | None:
        """Return how a job ended and let it go, or None while it has not."""
        with self._lock:
            job = self._jobs[submission]
            if job.outcome is not None:
                del self._jobs[submission]
            return job.outcome

    def cancel(self) -> list[str]:
        """Forbid further submissions; return the Batch ids of all jobs that are to be ended.

        Each id once, however often this is called.
        """
        with self._lock:
            self._is_cancelled = True
            ending = [
                job
                for job in self._jobs.values()
                if job.batch_job_id
                and not (job.is_collecting or job.is_ended_by_us)
                and job.outcome is None
            ]
            for job in ending:
                job.is_ended_by_us = True
            return [job.batch_job_id for job in ending if job.batch_job_id]
