"""How jobs of a run end: noted in the journal, and kept for Snakemake to be told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.inflight import InFlight, TrackedJob
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.spec import Result, encode
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs

SUCCESS = "success"

LEFT = "It was left to itself on AWS Batch: this run has no AWS credentials any more."

OWN_FAILURES = frozenset({"batchx", "bug"})
"""Kinds of ending that tell of the head, not of the job."""


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    `kind` is SUCCESS or that of a verdict (plan/failures.py), `message` what the user is told of a
    failure, `sentence` the heart of it. `log` is the file of this machine that has its output, as
    far as it is known, `shown` what Snakemake may print of that.
    """

    kind: str
    message: str | None = None
    sentence: str = ""
    result: Result | None = None
    log: str | None = None
    shown: tuple[str, ...] = ()


class Concluder:
    """Concludes the jobs of a run, and knows of which Snakemake has not been told."""

    def __init__(
        self,
        inflight: InFlight,
        journal: Journal,
        specs: KeptSpecs,
        find_lost: Callable[[], str] = lambda: "",
    ) -> None:
        self._inflight = inflight
        self._journal = journal
        self._specs = specs
        self._find_lost = find_lost
        self._owed: set[str] = set()

    @property
    def has_unreported(self) -> bool:
        """Whether Snakemake has not been told of some job: the next run looks for what it left."""
        return bool(self._owed)

    def owe(self, submission: str) -> None:
        """Note that Snakemake is to be told of a job."""
        self._owed.add(submission)

    def note_reported(self, submission: str) -> None:
        """Note that Snakemake has recorded a job as done: no later run needs to look for it."""
        self._journal.write("reported", submission=submission)
        self._owed.discard(submission)

    def note_rejected(self, submission: str) -> None:
        """Note that Snakemake has recorded a job as failed: it is not to be taken up as it is.

        But while a run is stopped Snakemake may hear of failures that are none of the job's.
        """
        is_stopped = self._inflight.is_cancelled or self._find_lost()
        if submission in self._owed and not is_stopped:
            self.note_reported(submission)

    def conclude(self, job: TrackedJob, ending: Ending) -> None:
        """Conclude a job that has none yet.

        Without credentials nobody knows how it ended, unless it ended well.
        """
        if ending.kind != SUCCESS and self._find_lost():
            self.leave(job)
            return
        if not (self._inflight.is_cancelled and ending.kind in OWN_FAILURES):
            self._write_verdict(job, ending)
        self._specs.release(job)
        self._inflight.conclude(job, ending.message, ending.shown)

    def leave(self, job: TrackedJob) -> None:
        """Let a job go on as it is, for the next run to take up; Snakemake has to be told."""
        self._inflight.conclude(job, LEFT)

    def _write_verdict(self, job: TrackedJob, ending: Ending) -> None:
        fields = make_verdict(job, ending)
        if ending.kind == SUCCESS:
            self._journal.note("verdict", **fields)
            return
        self._journal.write("verdict", **fields)
        self._owed.discard(job.submission)


def make_verdict(job: TrackedJob, ending: Ending) -> dict[str, Any]:
    """Return the fields of a verdict in the journal."""
    result = ending.result
    return {
        "submission": job.submission,
        "batch_job_id": job.batch_job_id,
        "kind": ending.kind,
        "sentence": ending.sentence,
        "exit_code": result.exit_code if result else None,
        "log": ending.log,
        "usage": encode(result.usage) if result else None,
    }
