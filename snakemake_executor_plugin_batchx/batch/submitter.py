"""Submitting a job so that it is there once, whatever becomes of the answer.

SubmitJob takes no client token. A call whose answer was lost may have been carried out: its job is
looked for by name, then the call is made again. Where the lookup missed it (ListJobs lags), two
jobs share a spec, and the lease in S3 lets one of them work (job/lease.py).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.budget import Purpose
from snakemake_executor_plugin_batchx.aws.errors import AwsError, UnansweredError
from snakemake_executor_plugin_batchx.plan.submission import find_spec_url

LOOKUP_SECONDS = 2.0
"""How long after a lost answer its job is looked for: ListJobs shows a new one a little later."""

MAX_PAUSE_SECONDS = 20.0


class SubmittingGateway(Protocol):
    """What is needed of the Batch gateway."""

    def submit_job(self, request: dict[str, Any]) -> str:
        """Submit a job; return its id."""

    def find_jobs_by_name(self, queue: str, name: str, purpose: Purpose) -> list[dict[str, Any]]:
        """Return what ListJobs tells of jobs of a name."""

    def describe_jobs(self, job_ids: Sequence[str], purpose: Purpose) -> list[dict[str, Any]]:
        """Return what Batch tells of jobs."""


@dataclass(frozen=True)
class Submission:
    """A SubmitJob request whose answer was lost; it may have made a job."""

    name: str
    queue: str
    spec_url: str


def read_submission(request: Mapping[str, Any]) -> Submission:
    """Return what a SubmitJob request of ours is found again by."""
    command = request["containerOverrides"]["command"]
    return Submission(request["jobName"], request["jobQueue"], find_spec_url(command))


class Submitter:
    """Submits jobs. `pause(seconds)` waits, and returns early once `is_stopped()` is true.

    Safe to use from many threads.
    """

    def __init__(
        self,
        gateway: SubmittingGateway,
        pause: Callable[[float], object],
        is_stopped: Callable[[], bool],
        random: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._pause = pause
        self._is_stopped = is_stopped
        self._random = random
        self._lock = threading.Lock()
        self._doubts: dict[Submission, None] = {}

    def submit(self, request: dict[str, Any]) -> str | None:
        """Submit a job and return its id; None where the run was stopped before that.

        Raises AwsError where Batch refuses the job. Anything that may pass is tried again for as
        long as the run lives.
        """
        tries = 0
        is_doubtful = False
        while not self._is_stopped():
            try:
                if is_doubtful:
                    found = self.find_accepted(read_submission(request), "watch")
                    if found:
                        return found[0]
                return self._gateway.submit_job(request)
            except UnansweredError:
                is_doubtful = True
                with self._lock:
                    self._doubts[read_submission(request)] = None
            except AwsError as error:
                if not error.is_transient:
                    raise
            tries += 1
            longest = min(LOOKUP_SECONDS * 2**tries, MAX_PAUSE_SECONDS)
            self._pause(LOOKUP_SECONDS + self._random() * (longest - LOOKUP_SECONDS))
        return None

    def is_doubtful(self, request: Mapping[str, Any]) -> bool:
        """Whether an answer to this request was lost at least once."""
        with self._lock:
            return read_submission(request) in self._doubts

    def list_doubts(self) -> list[Submission]:
        """Return the submissions whose answer was lost at least once."""
        with self._lock:
            return list(self._doubts)

    def find_accepted(self, submission: Submission, purpose: Purpose) -> list[str]:
        """Return the ids of the jobs that a submission made, as far as ListJobs shows them.

        The name alone may be that of an earlier run's job; the spec's URL is this one's own.
        """
        named = self._gateway.find_jobs_by_name(submission.queue, submission.name, purpose)
        details = self._gateway.describe_jobs([job["jobId"] for job in named], purpose)
        return [
            detail["jobId"]
            for detail in details
            if find_spec_url(detail.get("container", {}).get("command", ())) == submission.spec_url
        ]
