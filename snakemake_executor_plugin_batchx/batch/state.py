"""What DescribeJobs tells of a job, as plain frozen values."""

from dataclasses import dataclass
from typing import Any

TERMINAL = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class Attempt:
    """One start of a job: exit code and reasons are missing where the container never ran."""

    exit_code: int | None
    reason: str
    status_reason: str
    log_stream: str | None


@dataclass(frozen=True)
class JobState:
    """A job as Batch sees it."""

    job_id: str
    status: str
    status_reason: str
    attempts: tuple[Attempt, ...]

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended for good."""
        return self.status in TERMINAL

    @property
    def last_attempt(self) -> Attempt | None:
        """The attempt that decided, None where the job never started."""
        return self.attempts[-1] if self.attempts else None


def interpret_job(detail: dict[str, Any]) -> JobState:
    """Turn one entry of DescribeJobs into a JobState.

    A job that ended before it started has no attempt; a definition with several containers
    (`ecsProperties`) tells them in `taskProperties`, not in `container`.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html
    """
    return JobState(
        job_id=detail["jobId"],
        status=detail["status"],
        status_reason=detail.get("statusReason", ""),
        attempts=tuple(_interpret_attempt(attempt) for attempt in detail.get("attempts", [])),
    )


def _interpret_attempt(attempt: dict[str, Any]) -> Attempt:
    containers = [attempt.get("container") or {}]
    for task in attempt.get("taskProperties", []):
        containers += task.get("containers", [])
    container = max(containers, key=lambda c: (c.get("exitCode", 0) != 0, bool(c)))
    return Attempt(
        exit_code=container.get("exitCode"),
        reason=container.get("reason", ""),
        status_reason=attempt.get("statusReason", ""),
        log_stream=container.get("logStreamName"),
    )
