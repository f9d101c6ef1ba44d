"""What DescribeJobs tells of a job, as plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.container_logs import (
    LogAddress,
    find_containers,
    find_log_address,
)

TERMINAL = frozenset({"SUCCEEDED", "FAILED"})

STOPPED_CODES = frozenset({137, 143})
"""Exit codes of containers that ECS stops because an essential one has ended."""


@dataclass(frozen=True)
class ContainerEnd:
    """How a container of an attempt ended: no exit code where it never ran.

    `name` is empty where the job has one container, `log` None where CloudWatch has nothing of it.
    """

    name: str
    exit_code: int | None = None
    reason: str = ""
    log: LogAddress | None = None
    is_essential: bool = True


@dataclass(frozen=True)
class Attempt:
    """One start of a job, with all its containers.

    `started_seconds` and `stopped_seconds` (since 1970) are when containers ran, None where none
    did, and `host` is the ARN of the ECS container instance, empty on Fargate.
    """

    containers: tuple[ContainerEnd, ...]
    status_reason: str = ""
    started_seconds: float | None = None
    stopped_seconds: float | None = None
    host: str = ""

    @property
    def decider(self) -> ContainerEnd:
        """The container that ended the attempt.

        An essential one: what it ends, ECS stops by SIGTERM and SIGKILL, and those codes tell
        nothing (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
        task_definition_parameters.html, essential).
        """
        return max(self.containers, key=_weigh_end, default=ContainerEnd(""))

    @property
    def exit_code(self) -> int | None:
        """The exit code of the container that ended the attempt."""
        return self.decider.exit_code

    @property
    def reason(self) -> str:
        """What the host's agent says of the container that ended the attempt."""
        return self.decider.reason

    @property
    def log(self) -> LogAddress | None:
        """Where the container that ended the attempt wrote to."""
        return self.decider.log


@dataclass(frozen=True)
class JobState:
    """A job as Batch sees it.

    `is_terminated` and `is_cancelled` tell that somebody called TerminateJob or CancelJob. Times
    are Batch's own, in seconds since 1970; `started_seconds` is of the last attempt. `host` is the
    ARN of the ECS container instance where it is or was last, empty where there is none.
    """

    job_id: str
    status: str
    status_reason: str
    attempts: tuple[Attempt, ...]
    is_terminated: bool = False
    is_cancelled: bool = False
    timeout_seconds: int | None = None
    created_seconds: float | None = None
    started_seconds: float | None = None
    stopped_seconds: float | None = None
    host: str = ""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended for good."""
        return self.status in TERMINAL

    @property
    def last_attempt(self) -> Attempt | None:
        """The attempt that decided, None where the job never started."""
        return self.attempts[-1] if self.attempts else None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The ARNs of all container instances that it has been on."""
        each = (*(attempt.host for attempt in self.attempts), self.host)
        return tuple(dict.fromkeys(filter(None, each)))


def interpret_job(detail: dict[str, Any]) -> JobState:
    """Turn one entry of DescribeJobs into a JobState.

    A job that ended before it started has no attempt. Attempts tell how containers ended; what was
    asked for them, the job's own containers tell.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html
    """
    asked = {each.get("name", ""): each for each in find_containers(detail)}
    attempts = detail.get("attempts", [])
    return JobState(
        job_id=detail["jobId"],
        status=detail["status"],
        status_reason=detail.get("statusReason", ""),
        attempts=tuple(_interpret_attempt(attempt, asked) for attempt in attempts),
        is_terminated=detail.get("isTerminated", False),
        is_cancelled=detail.get("isCancelled", False),
        timeout_seconds=detail.get("timeout", {}).get("attemptDurationSeconds"),
        created_seconds=_read_time(detail, "createdAt"),
        started_seconds=_read_time(detail, "startedAt"),
        stopped_seconds=_read_time(detail, "stoppedAt"),
        host=_find_host(detail),
    )


def interpret_summary(summary: Mapping[str, Any]) -> JobState:
    """Turn one entry of ListJobs into a JobState, which knows of no attempt.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_JobSummary.html
    """
    return JobState(
        job_id=summary["jobId"],
        status=summary["status"],
        status_reason=summary.get("statusReason", ""),
        attempts=(),
        created_seconds=_read_time(summary, "createdAt"),
        started_seconds=_read_time(summary, "startedAt"),
        stopped_seconds=_read_time(summary, "stoppedAt"),
    )


def _read_time(detail: Mapping[str, Any], name: str) -> float | None:
    """Return a time in seconds since 1970; Batch tells milliseconds, and of what is to come 0."""
    return detail[name] / 1000 if detail.get(name) else None


def _find_host(detail: Mapping[str, Any]) -> str:
    """Return the container instance of a job or of an attempt."""
    tasks = detail.get("ecsProperties", detail).get("taskProperties", ())
    places = (detail.get("container", {}), *tasks)
    found = (str(place.get("containerInstanceArn") or "") for place in places)
    return next(filter(None, found), "")


def _interpret_attempt(attempt: dict[str, Any], asked: Mapping[str, dict[str, Any]]) -> Attempt:
    ends = find_containers(attempt) or [{}]
    return Attempt(
        containers=tuple(_interpret_end(end, asked) for end in ends),
        status_reason=attempt.get("statusReason", ""),
        started_seconds=_read_time(attempt, "startedAt"),
        stopped_seconds=_read_time(attempt, "stoppedAt"),
        host=_find_host(attempt),
    )


def _interpret_end(container: dict[str, Any], asked: Mapping[str, dict[str, Any]]) -> ContainerEnd:
    name = container.get("name", "")
    # One that ECS put in beside those asked for, as security agents, is not essential.
    settings = asked.get(name, {"essential": not asked})
    return ContainerEnd(
        name=name,
        exit_code=container.get("exitCode"),
        reason=container.get("reason", ""),
        log=find_log_address(container, settings),
        is_essential=settings.get("essential", True),
    )


def _weigh_end(container: ContainerEnd) -> tuple[bool, bool, bool, bool]:
    code = container.exit_code or 0
    return (
        container.is_essential,
        bool(container.reason),
        code != 0 and code not in STOPPED_CODES,
        code != 0,
    )
