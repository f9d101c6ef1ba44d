"""A job, its attempts and the order of its states.

Source: https://docs.aws.amazon.com/batch/latest/userguide/job_states.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from snakemake_executor_plugin_batchx.local.definitions import Definition
from snakemake_executor_plugin_batchx.local.errors import ServerError
from snakemake_executor_plugin_batchx.local.queues import Queue
from snakemake_executor_plugin_batchx.local.shapes import JsonObject


class JobState(StrEnum):
    """The seven states, in the order in which a job may pass through them."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED})
WAITING = frozenset({JobState.SUBMITTED, JobState.PENDING, JobState.RUNNABLE})

TRANSITIONS = MappingProxyType(
    {
        JobState.SUBMITTED: frozenset({JobState.PENDING, JobState.RUNNABLE, JobState.FAILED}),
        # SUCCEEDED: an array's parent, which waits here for its children.
        JobState.PENDING: frozenset({JobState.RUNNABLE, JobState.SUCCEEDED, JobState.FAILED}),
        JobState.RUNNABLE: frozenset({JobState.STARTING, JobState.FAILED}),
        # RUNNABLE: a retry.
        JobState.STARTING: frozenset({JobState.RUNNING, JobState.RUNNABLE, JobState.FAILED}),
        JobState.RUNNING: frozenset({JobState.RUNNABLE, JobState.SUCCEEDED, JobState.FAILED}),
        JobState.SUCCEEDED: frozenset(),
        JobState.FAILED: frozenset(),
    }
)


@dataclass(frozen=True)
class ContainerResult:
    """How a container ended.

    ``exit_code`` is None where it never started; ``reason`` is ECS's, if it gave one.
    ``task_reason`` is ECS's reason for the task as a whole, if it did not come to its containers.
    """

    name: str
    exit_code: int | None
    reason: str | None = None
    task_reason: str | None = None


@dataclass
class Attempt:
    """One run of a job's containers. Times are in milliseconds since 1970."""

    identifier: str
    number: int
    task_arn: str
    instance_arn: str | None
    environment_name: str
    vcpus: float
    memory_mib: int
    log_streams: dict[str, str]
    instance_profile: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    status_reason: str | None = None
    results: tuple[ContainerResult, ...] = ()
    is_stopping: bool = False
    is_timed_out: bool = False

    def find_result(self, name: str) -> ContainerResult:
        """The result of the container called ``name``.

        Without exit code and reason until it ended.
        """
        for result in self.results:
            if result.name == name:
                return result
        return ContainerResult(name, None)


@dataclass(eq=False)
class Job:
    """A single job, an array's parent (``size``) or an array's child (``parent``, ``index``).

    Times are in milliseconds since 1970. ``task`` is the merged task: ``{"containers": […], …}``.
    ``sequence`` orders jobs by submission; ``needs`` are the consumable resources it requires.
    """

    job_id: str
    arn: str
    name: str
    queue: Queue
    definition: Definition
    request: JsonObject
    task: JsonObject
    created_at: int
    sequence: int
    tags: dict[str, str]
    needs: list[JsonObject] = field(default_factory=list)
    parent: Job | None = None
    index: int | None = None
    size: int | None = None
    state: JobState = JobState.SUBMITTED
    status_reason: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    children: list[Job] = field(default_factory=list)
    child_counts: dict[JobState, int] = field(default_factory=dict)
    dependencies: list[Job] = field(default_factory=list)
    dependents: list[Job] = field(default_factory=list)
    started_at: int | None = None
    stopped_at: int | None = None
    runnable_at: int | None = None
    end_reason: str | None = None
    is_cancelled: bool = False
    is_terminated: bool = False

    @property
    def is_terminal(self) -> bool:
        """True once the job SUCCEEDED or FAILED."""
        return self.state in TERMINAL

    @property
    def is_array_parent(self) -> bool:
        """True for a job that stands for its children and runs nothing itself."""
        return self.size is not None

    @property
    def is_ending(self) -> bool:
        """True once it was cancelled or terminated."""
        return self.is_cancelled or self.is_terminated

    @property
    def current_attempt(self) -> Attempt | None:
        """The newest attempt, if there is one."""
        return self.attempts[-1] if self.attempts else None

    @property
    def retry_strategy(self) -> JsonObject:
        """The job's own strategy, else its definition's, else one attempt."""
        strategy: JsonObject = self._find_setting("retryStrategy", {"attempts": 1})
        return {"evaluateOnExit": [], **strategy}

    @property
    def timeout_seconds(self) -> int | None:
        """Seconds that one attempt may run; None for ever."""
        seconds: int | None = self._find_setting("timeout", {}).get("attemptDurationSeconds")
        return seconds

    @property
    def is_propagating_tags(self) -> bool:
        """True if the tags of job and definition go to the task."""
        return bool(self._find_setting("propagateTags", False))

    @property
    def scheduling_priority(self) -> int:
        """Its priority within its share identifier."""
        own: int | None = self.request.get("schedulingPriorityOverride")
        inherited: int = self.definition.request.get("schedulingPriority", 0)
        return inherited if own is None else own

    @property
    def share_identifier(self) -> str | None:
        """Its share of a fair-share queue."""
        return self.request.get("shareIdentifier")

    def _find_setting(self, name: str, default: Any) -> Any:
        """A member of the job's request, else of its definition's, else the default."""
        return self.request.get(name, self.definition.request.get(name, default))

    def move_to(self, state: JobState) -> None:
        """Enters another state.

        Raises:
            ServerError: the state cannot follow the present one.
        """
        if state not in TRANSITIONS[self.state]:
            raise ServerError(f"Job {self.job_id} cannot go from {self.state} to {state}")
        if self.parent is not None:
            counts = self.parent.child_counts
            counts[self.state] -= 1
            counts[state] += 1
        self.state = state
