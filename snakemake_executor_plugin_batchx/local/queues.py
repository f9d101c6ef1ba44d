"""Job queues.

Source: https://docs.aws.amazon.com/batch/latest/userguide/job_queues.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.checks import check_bound, check_pattern, check_tags
from snakemake_executor_plugin_batchx.local.environments import ComputeEnvironment, EnvironmentStore
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

KEPT_MEMBERS = ("schedulingPolicyArn", "jobStateTimeLimitActions")


@dataclass
class Queue:
    """One job queue. ``request`` is what it was created or updated with."""

    name: str
    arn: str
    request: JsonObject
    tags: dict[str, str]

    @property
    def is_enabled(self) -> bool:
        """True if jobs may be submitted to it."""
        return bool(self.request.get("state", "ENABLED") == "ENABLED")

    @property
    def priority(self) -> int:
        """Queues of higher priority are served first."""
        return int(self.request["priority"])

    @property
    def policy_arn(self) -> str | None:
        """Of its scheduling policy; None for first in, first out."""
        return self.request.get("schedulingPolicyArn")

    @property
    def environment_names(self) -> list[str]:
        """Names or ARNs of its compute environments, in order."""
        order = sorted(self.request["computeEnvironmentOrder"], key=lambda each: each["order"])
        return [each["computeEnvironment"] for each in order]

    def describe(self, environments: list[ComputeEnvironment]) -> JsonObject:
        """The queue as DescribeJobQueues returns it; ``environments`` in the queue's order."""
        kept = {name: self.request[name] for name in KEPT_MEMBERS if name in self.request}
        return {
            "jobQueueName": self.name,
            "jobQueueArn": self.arn,
            "state": self.request.get("state", "ENABLED"),
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": self.priority,
            "computeEnvironmentOrder": [
                {"order": number, "computeEnvironment": environment.arn}
                for number, environment in enumerate(environments, start=1)
            ],
            "serviceEnvironmentOrder": [],
            "jobQueueType": "ECS_FARGATE" if environments[0].is_fargate else "ECS",
            "tags": dict(self.tags),
            **kept,
        }


@dataclass
class QueueStore:
    """All job queues of the account, by name; each bears ``own_tags``, whoever makes it."""

    identity: Identity
    environments: EnvironmentStore
    own_tags: Mapping[str, str]
    queues: dict[str, Queue] = field(default_factory=dict)

    def create(self, request: JsonObject) -> JsonObject:
        """CreateJobQueue.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        name = request["jobQueueName"]
        check_pattern("resource_name", name)
        check_tags(request.get("tags", {}))
        if name in self.queues:
            raise ClientError("Object already exists")
        check_bound("queues", len(self.queues) + 1)
        self._check(request)
        arn = self.identity.make_arn("job-queue", name)
        tags = {**self.own_tags, **request.get("tags", {})}
        self.queues[name] = Queue(name, arn, dict(request), tags)
        return {"jobQueueName": name, "jobQueueArn": arn}

    def update(self, request: JsonObject) -> JsonObject:
        """UpdateJobQueue.

        Raises:
            ClientError: no such queue, or the result would break a rule.
        """
        queue = self.find(request["jobQueue"])
        if queue.policy_arn is None and "schedulingPolicyArn" in request:
            raise ClientError("A scheduling policy cannot be added to a job queue that has none")
        changed = {**queue.request, **request}
        changed.pop("jobQueue")
        self._check(changed)
        queue.request = changed
        return {"jobQueueName": queue.name, "jobQueueArn": queue.arn}

    def delete(self, queue: Queue) -> None:
        """Forgets a queue that is disabled.

        Raises:
            ClientError: it is enabled.
        """
        if queue.is_enabled:
            raise ClientError("Cannot delete, resource must be disabled first")
        del self.queues[queue.name]

    def describe(self, names: list[str] | None) -> list[JsonObject]:
        """The named queues (by name or ARN; unknown ones missing), or all."""
        wanted = None if names is None else {self._read_name(name) for name in names}
        return [
            queue.describe(self.list_environments(queue))
            for queue in self.queues.values()
            if wanted is None or queue.name in wanted
        ]

    def find(self, name_or_arn: str) -> Queue:
        """The queue with this name or ARN.

        Raises:
            ClientError: there is none.
        """
        queue = self.queues.get(self._read_name(name_or_arn))
        if queue is None:
            # Seen, without the usual frame, in https://github.com/base2genomics/batchit/issues/13.
            raise ClientError(f"JobQueue {name_or_arn} not found.", is_framed=False)
        return queue

    def list_environments(self, queue: Queue) -> list[ComputeEnvironment]:
        """The queue's compute environments, in its order."""
        return [self.environments.find(name) for name in queue.environment_names]

    def list_users(self, environment: ComputeEnvironment) -> list[Queue]:
        """The queues that use a compute environment."""
        return [
            queue for queue in self.queues.values() if environment in self.list_environments(queue)
        ]

    def _check(self, request: JsonObject) -> None:
        check_bound("queue_priority", request["priority"])
        if "serviceEnvironmentOrder" in request or request.get("jobQueueType") not in (
            None,
            "ECS",
            "ECS_FARGATE",
        ):
            raise ClientError("The embedded Batch has job queues for ECS only")
        order = request.get("computeEnvironmentOrder", [])
        check_bound("queue_environments", len(order))
        if len({each["order"] for each in order}) < len(order):
            raise ClientError("The orders of a queue's compute environments must differ")
        environments = [self.environments.find(each["computeEnvironment"]) for each in order]
        if len({each.is_fargate for each in environments}) > 1:
            raise ClientError("EC2 and Fargate compute environments cannot be mixed in a job queue")
        if len({each.architecture for each in environments}) > 1:
            raise ClientError("The compute environments of a job queue must share one architecture")
        if request.get("schedulingPolicyArn"):
            self.environments.find_policy(request["schedulingPolicyArn"])
        for action in request.get("jobStateTimeLimitActions", []):
            check_bound("time_limit_seconds", action["maxTimeSeconds"])
            if action["action"] != "CANCEL":
                raise ClientError("The only supported action of a time limit is CANCEL")

    def _read_name(self, name_or_arn: str) -> str:
        return self.identity.read_name("job-queue", name_or_arn)
