"""A job's attempts: started, reported, timed out, stopped, killed, tried again.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html and job_timeouts.html
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.environments import ComputeEnvironment
from snakemake_executor_plugin_batchx.local.errors import ServerError
from snakemake_executor_plugin_batchx.local.host_calls import make_host_arn
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.jobs import Attempt, ContainerResult, Job, JobState
from snakemake_executor_plugin_batchx.local.lifecycle import Lifecycle
from snakemake_executor_plugin_batchx.local.limits import (
    COMBINED_TAGS,
    OVERRIDE_CHARACTERS,
    OVERRIDES_TOO_LONG,
)
from snakemake_executor_plugin_batchx.local.orders import (
    KillOrder,
    Order,
    StopOrder,
    find_task_roles,
    make_batch_environment,
    make_log_streams,
    make_start_order,
    make_task_arn,
)
from snakemake_executor_plugin_batchx.local.overrides import (
    count_override_characters,
    find_task_resources,
)
from snakemake_executor_plugin_batchx.local.placement import Placement
from snakemake_executor_plugin_batchx.local.retry import is_retried
from snakemake_executor_plugin_batchx.local.secret_rules import SHARED_NAME, find_shared_name

CONTAINER_EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
HOST_LOST = "Host EC2 (instance {instance_id}) terminated."
"""The shape that ``Host EC2*``, AWS's own example of a retry rule, expects:
https://aws.amazon.com/blogs/compute/introducing-retry-strategies-for-aws-batch/"""
NOT_ASSUMED = (
    "ECS was unable to assume the role '{role}' that was provided for this task. Please verify "
    "that the role being passed has the proper trust relationship and permissions and that your "
    "IAM user has permissions to pass this role."
)
"""Seen in https://github.com/nextflow-io/nextflow/pull/2146."""
TOO_MANY_TAGS = "The total number of combined tags from the job and job definition is over 50"


@dataclass
class Attempts:
    """All attempts that start or run, and the orders for the runner that follow."""

    identity: Identity
    read_now: Callable[[], float]
    grace_seconds: float
    placement: Placement
    lifecycle: Lifecycle
    make_id: Callable[[], str]
    is_assumable: Callable[[str], bool]
    orders: list[Order] = field(default_factory=list)
    deadlines: list[tuple[float, str, str]] = field(default_factory=list)

    def start(self, job: Job, environment: ComputeEnvironment) -> None:
        """Gives a RUNNABLE job its place.

        It is STARTING, or FAILED where ECS would refuse the task.
        """
        number = len(job.attempts) + 1
        refusal = self._find_refusal(job, number, environment)
        if refusal is not None:
            self.lifecycle.end(job, JobState.FAILED, refusal)
            return
        task_id = self.make_id().replace("-", "")
        needed = find_task_resources(job.task)
        attempt = Attempt(
            identifier=f"{job.job_id}#{number}",
            number=number,
            task_arn=make_task_arn(self.identity, environment.name, task_id),
            instance_arn=make_host_arn(environment, self.identity),
            environment_name=environment.name,
            vcpus=needed["VCPU"],
            memory_mib=int(needed["MEMORY"]),
            log_streams=make_log_streams(job, task_id),
            instance_profile=environment.instance_profile,
        )
        job.attempts.append(attempt)
        job.status_reason = None
        job.move_to(JobState.STARTING)
        self.placement.take(job, attempt)
        self.orders.append(make_start_order(job, attempt))

    def report_started(self, attempt_id: str) -> None:
        """The runner started the attempt's containers.

        The job is RUNNING, its timeout counts from now.

        Raises:
            ServerError: the attempt is not STARTING.
        """
        job, attempt = self._find(attempt_id)
        job.move_to(JobState.RUNNING)
        now = self.read_now()
        attempt.started_at = job.started_at = int(now * 1000)
        if job.timeout_seconds is not None:
            heapq.heappush(self.deadlines, (now + job.timeout_seconds, attempt_id, "timeout"))

    def report_exited(self, attempt_id: str, results: Sequence[ContainerResult]) -> None:
        """The attempt's containers are gone.

        ``results`` starts with the container that ended the attempt.

        Raises:
            ServerError: the attempt is not STARTING or RUNNING.
        """
        _, attempt = self._find(attempt_id)
        started = NOT_STARTED if attempt.started_at is None else CONTAINER_EXITED
        status_reason = results[0].task_reason or started
        self._end_attempt(attempt_id, results, TIMED_OUT if attempt.is_timed_out else status_reason)

    def report_host_lost(self, attempt_id: str, instance_id: str) -> None:
        """The attempt's host is gone, and all that ran there: no container has an exit code.

        Raises:
            ServerError: the attempt is not STARTING or RUNNING.
        """
        job, attempt = self._find(attempt_id)
        attempt.is_timed_out = False
        results = [ContainerResult(each["name"], None) for each in job.task["containers"]]
        self._end_attempt(attempt_id, results, HOST_LOST.format(instance_id=instance_id))

    def _end_attempt(
        self, attempt_id: str, results: Sequence[ContainerResult], status_reason: str
    ) -> None:
        job, attempt = self._find(attempt_id)
        self.placement.release(attempt)
        ended = results[0]
        attempt.results = tuple(results)
        attempt.stopped_at = int(self.read_now() * 1000)
        attempt.status_reason = status_reason
        if job.is_terminated:
            self.lifecycle.end(job, JobState.FAILED, job.end_reason)
        elif attempt.is_timed_out:
            self.lifecycle.end(job, JobState.FAILED, TIMED_OUT)
        elif ended.exit_code == 0:
            self.lifecycle.end(job, JobState.SUCCEEDED, attempt.status_reason)
        elif is_retried(
            job.retry_strategy,
            attempt.number,
            exit_code=ended.exit_code,
            reason=ended.reason,
            status_reason=attempt.status_reason,
        ):
            self.lifecycle.make_runnable(job)
        else:
            self.lifecycle.end(job, JobState.FAILED, attempt.status_reason)

    def stop(self, job: Job) -> None:
        """Orders SIGTERM now and SIGKILL after the grace; a second call changes nothing."""
        attempt = job.current_attempt
        if attempt is None or attempt.is_stopping:
            return
        attempt.is_stopping = True
        self.orders.append(StopOrder(attempt.identifier))
        at = self.read_now() + self.grace_seconds
        heapq.heappush(self.deadlines, (at, attempt.identifier, "kill"))

    def pass_deadlines(self) -> None:
        """Acts on timeouts and graces that are over; those of attempts that ended are forgotten."""
        now = self.read_now()
        while self.deadlines and self.deadlines[0][0] <= now:
            _, attempt_id, kind = heapq.heappop(self.deadlines)
            if attempt_id not in self.placement.taken:
                continue
            job, attempt = self.placement.taken[attempt_id]
            if kind == "kill":
                self.orders.append(KillOrder(attempt_id))
            elif not attempt.is_stopping:
                attempt.is_timed_out = True
                self.stop(job)

    def find_next_deadline(self) -> float | None:
        """When ``pass_deadlines`` is due, in the clock's seconds."""
        return self.deadlines[0][0] if self.deadlines else None

    def _find(self, attempt_id: str) -> tuple[Job, Attempt]:
        if attempt_id not in self.placement.taken:
            raise ServerError(f"Attempt {attempt_id} neither starts nor runs")
        return self.placement.taken[attempt_id]

    def _find_refusal(self, job: Job, number: int, environment: ComputeEnvironment) -> str | None:
        """Why ECS refuses the task although SubmitJob accepted the job; None if it does not."""
        own = make_batch_environment(job, number, environment.name)
        if count_override_characters(job.request, own) > OVERRIDE_CHARACTERS:
            return OVERRIDES_TOO_LONG
        for container in job.task["containers"]:
            shared = find_shared_name(container)
            if shared is not None:
                return SHARED_NAME.format(name=shared)
        for role in find_task_roles(job.task):
            if role is not None and not self.is_assumable(role):
                return NOT_ASSUMED.format(role=role)
        if job.is_propagating_tags and len(job.definition.tags | job.tags) > COMBINED_TAGS:
            return TOO_MANY_TAGS
        return None
