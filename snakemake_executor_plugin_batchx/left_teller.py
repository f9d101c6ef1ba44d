"""What the user is told of jobs that go on otherwise than submitted: a line for many or one."""

import threading
from typing import Literal

from snakemake_executor_plugin_batchx.inflight import TrackedJob

Fate = Literal["taken up", "anew", "elsewhere", "too late", "again"]

FOR_ONE: dict[Fate, str] = {
    "taken up": (
        "batchx: {label} was submitted by an earlier run as Batch job {job_id}, which is taken up."
    ),
    "anew": (
        "batchx: {label}: Batch job {job_id} of an earlier run was ended, failed or left no "
        "result; its work is submitted anew."
    ),
    "elsewhere": (
        "batchx: {label}: the hosts of Batch job {job_id} were taken away or failed, so it goes to "
        "its fallback queue."
    ),
    "again": "batchx: {label}: Batch starts job {job_id} again: {reason}.",
    "too late": (
        "batchx: {label}: Batch job {job_id} was RUNNABLE for longer than batchx_runnable_timeout "
        "lets it, so it goes to its fallback queue."
    ),
}
FOR_MANY: dict[Fate, str] = {
    "taken up": (
        "batchx: {count} jobs were submitted by an earlier run, {label} as Batch job {job_id} and "
        "so on; they are taken up."
    ),
    "anew": (
        "batchx: {count} Batch jobs of an earlier run were ended, failed or left no result, "
        "{job_id} for {label} and so on; their work is submitted anew."
    ),
    "elsewhere": (
        "batchx: the hosts of {count} Batch jobs were taken away or failed, of {job_id} for "
        "{label} and so on; they go to their fallback queue."
    ),
    "again": (
        "batchx: Batch starts {count} jobs again, {job_id} for {label} and so on, that one because "
        "of this: {reason}."
    ),
    "too late": (
        "batchx: {count} Batch jobs were RUNNABLE for longer than batchx_runnable_timeout lets "
        "them, {job_id} for {label} and so on; they go to their fallback queue."
    ),
}


class LeftTeller:
    """Gathers what becomes of such jobs until somebody tells it. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[Fate, list[tuple[str, str | None, str]]] = {}

    def note(self, fate: Fate, job: TrackedJob, reason: str = "") -> None:
        """Note what becomes of a job, and why, where the words for it leave that open."""
        noted = (job.description.label, job.batch_job_id, reason.rstrip("."))
        with self._lock:
            self._noted.setdefault(fate, []).append(noted)

    def take_lines(self) -> list[str]:
        """Return a line for each kind of fate that was noted since the last call."""
        with self._lock:
            noted, self._noted = self._noted, {}
        lines = []
        for fate, jobs in noted.items():
            label, job_id, reason = jobs[0]
            text = FOR_MANY[fate] if len(jobs) > 1 else FOR_ONE[fate]
            lines.append(text.format(count=len(jobs), label=label, job_id=job_id, reason=reason))
        return lines
