"""The embedded AWS Batch: one object, no threads, no I/O, the clock injected.

Callers see the API (``handle``); a runner's driver sees ``advance``, ``report_started``,
``report_exited`` and ``report_host_lost``. Whoever uses it from several threads holds one lock
around it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.attempts import Attempts
from snakemake_executor_plugin_batchx.local.consumable_calls import ConsumableCalls
from snakemake_executor_plugin_batchx.local.consumables import ConsumableStore
from snakemake_executor_plugin_batchx.local.definitions import DefinitionStore
from snakemake_executor_plugin_batchx.local.environments import (
    HEALTHY,
    EnvironmentStore,
    Health,
)
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.job_calls import JobCalls
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult, Job
from snakemake_executor_plugin_batchx.local.lifecycle import Lifecycle
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.orders import Order
from snakemake_executor_plugin_batchx.local.placement import Capacity, Placement
from snakemake_executor_plugin_batchx.local.queues import QueueStore
from snakemake_executor_plugin_batchx.local.shapes import JsonObject, check_shape
from snakemake_executor_plugin_batchx.local.store import JobStore
from snakemake_executor_plugin_batchx.local.submission import Submitter
from snakemake_executor_plugin_batchx.local.tags import Tags

QUEUE_DELETED = "Job queue deleted"
TIME_LIMIT = "Canceled by JobStateTimeLimit action due to reason: {reason}"
"""Source: https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html"""


class Batch:
    """AWS Batch of one account and region.

    Args:
        capacity: what the host has; jobs that do not fit wait in RUNNABLE.
        identity: account and region.
        read_now: seconds since 1970.
        make_id: unique ids, as uuid4 makes them.
        grace_seconds: between SIGTERM and SIGKILL.
        queue_tags: what every queue bears, whoever makes it.
        judge_health: tells from a compute environment's tags what becomes of it.
        is_assumable: whether ECS may assume a role, given by its ARN.
    """

    def __init__(
        self,
        capacity: Capacity,
        *,
        identity: Identity = Identity(),  # noqa: B008 (frozen)
        read_now: Callable[[], float] = time.time,
        make_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        grace_seconds: float = STOP_GRACE_SECONDS,
        queue_tags: Mapping[str, str] = MappingProxyType({}),
        judge_health: Callable[[Mapping[str, str]], Health] = lambda _: HEALTHY,
        is_assumable: Callable[[str], bool] = lambda _: True,
    ):
        self.identity = identity
        self.read_now = read_now
        self.consumables = ConsumableStore(identity)
        self.definitions = DefinitionStore(identity, self.consumables)
        self.environments = EnvironmentStore(identity, judge_health)
        self.queues = QueueStore(identity, self.environments, queue_tags)
        self.store = JobStore(self.queues, self.definitions)
        self.placement = Placement(capacity, self.queues, self.consumables)
        self.lifecycle = Lifecycle(self._read_now_ms, self.placement, self._stop_attempt)
        self.attempts = Attempts(
            *(identity, read_now, grace_seconds, self.placement, self.lifecycle, make_id),
            is_assumable,
        )
        submitter = Submitter(identity, self.store, make_id, self._read_now_ms)
        self.calls = self._list_calls(
            JobCalls(self.store, submitter, self.lifecycle, self.placement, self._read_now_ms),
            Tags(self.definitions, self.environments, self.queues, self.store),
            ConsumableCalls(self.consumables, self.store, self._read_now_ms),
        )

    def handle(self, operation: str, parameters: JsonObject) -> JsonObject:
        """Answers one call of the API, as boto3 names it: ``handle("SubmitJob", {…})``.

        Raises:
            ClientError: the request is not what the API takes, or breaks a limit.
        """
        call = self.calls.get(operation)
        if call is None:
            raise ClientError(f"The embedded Batch does not serve {operation}")
        check_shape(operation, parameters)
        return call(parameters)

    def advance(self) -> list[Order]:
        """Lets jobs take every step that is due now, and returns the orders for the runner."""
        self.attempts.pass_deadlines()
        self._pass_time_limits()
        self.lifecycle.settle()
        for job, environment in self.placement.iter_placeable():
            self.attempts.start(job, environment)
        self.lifecycle.settle()
        orders, self.attempts.orders = self.attempts.orders, []
        return orders

    def find_next_deadline(self) -> float | None:
        """When ``advance`` is due if nothing else happens, in the clock's seconds.

        None if never.
        """
        limits = [due for _, due, _ in self._iter_time_limits()]
        attempt_deadline = self.attempts.find_next_deadline()
        if attempt_deadline is not None:
            limits.append(attempt_deadline)
        return min(limits, default=None)

    def report_started(self, attempt_id: str) -> None:
        """The runner started an attempt. See Attempts.report_started."""
        self.attempts.report_started(attempt_id)

    def report_exited(self, attempt_id: str, results: Sequence[ContainerResult]) -> None:
        """The runner saw an attempt's end. See Attempts.report_exited."""
        self.attempts.report_exited(attempt_id, results)

    def report_host_lost(self, attempt_id: str, instance_id: str) -> None:
        """The runner lost an attempt's host. See Attempts.report_host_lost."""
        self.attempts.report_host_lost(attempt_id, instance_id)

    def _list_calls(
        self, jobs: JobCalls, tags: Tags, consumables: ConsumableCalls
    ) -> dict[str, Callable[[JsonObject], JsonObject]]:
        return {
            "RegisterJobDefinition": self.definitions.register,
            "DeregisterJobDefinition": self.definitions.deregister,
            "DescribeJobDefinitions": self.definitions.describe,
            "CreateComputeEnvironment": self.environments.create,
            "UpdateComputeEnvironment": self._update_environment,
            "DeleteComputeEnvironment": self._delete_environment,
            "DescribeComputeEnvironments": self._describe_environments,
            "CreateSchedulingPolicy": self.environments.create_policy,
            "DescribeSchedulingPolicies": self.environments.describe_policies,
            "ListSchedulingPolicies": self.environments.list_policies,
            "CreateJobQueue": self.queues.create,
            "UpdateJobQueue": self._update_queue,
            "DeleteJobQueue": self._delete_queue,
            "DescribeJobQueues": self._describe_queues,
            "SubmitJob": jobs.submit,
            "DescribeJobs": jobs.describe,
            "ListJobs": self.store.list_jobs,
            "CancelJob": jobs.cancel,
            "CancelJobs": jobs.cancel_many,
            "TerminateJob": jobs.terminate,
            "TerminateJobs": jobs.terminate_many,
            "GetJobQueueSnapshot": jobs.snapshot,
            "CreateConsumableResource": consumables.create,
            "DescribeConsumableResource": consumables.describe,
            "UpdateConsumableResource": consumables.update,
            "DeleteConsumableResource": consumables.delete,
            "ListConsumableResources": consumables.list_all,
            "ListJobsByConsumableResource": consumables.list_jobs,
            "TagResource": tags.add,
            "UntagResource": tags.remove,
            "ListTagsForResource": tags.show,
        }

    def _read_now_ms(self) -> int:
        return int(self.read_now() * 1000)

    def _stop_attempt(self, job: Job) -> None:
        self.attempts.stop(job)

    def _update_environment(self, request: JsonObject) -> JsonObject:
        answer = self.environments.update(request)
        self.placement.reconsider()
        return answer

    def _delete_environment(self, request: JsonObject) -> JsonObject:
        environment = self.environments.find(request["computeEnvironment"])
        if self.queues.list_users(environment):
            raise ClientError("Cannot delete, found existing JobQueue relationship")
        self.environments.delete(environment)
        return {}

    def _describe_environments(self, request: JsonObject) -> JsonObject:
        names, used = request.get("computeEnvironments"), self.placement.measure_environments()
        return {"computeEnvironments": self.environments.describe(names, used)}

    def _update_queue(self, request: JsonObject) -> JsonObject:
        answer = self.queues.update(request)
        self.placement.reconsider()
        return answer

    def _delete_queue(self, request: JsonObject) -> JsonObject:
        queue = self.queues.find(request["jobQueue"])
        self.queues.delete(queue)
        for job in self.store.by_queue.get(queue.arn, []):
            self.lifecycle.terminate(job, QUEUE_DELETED)
        return {}

    def _describe_queues(self, request: JsonObject) -> JsonObject:
        return {"jobQueues": self.queues.describe(request.get("jobQueues"))}

    def _iter_time_limits(self) -> list[tuple[Job, float, str]]:
        """(job, when it is cancelled, reason) where jobStateTimeLimitActions has a rule for it."""
        found = []
        for job in self.placement.stuck.values():
            for action in job.queue.request.get("jobStateTimeLimitActions", []):
                if (job.status_reason or "").startswith(action["reason"]):
                    due = (job.runnable_at or 0) / 1000 + action["maxTimeSeconds"]
                    found.append((job, due, action["reason"]))
        return found

    def _pass_time_limits(self) -> None:
        for job, due, reason in self._iter_time_limits():
            if due <= self.read_now():
                self.lifecycle.cancel(job, TIME_LIMIT.format(reason=reason))
