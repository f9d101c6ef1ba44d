"""Which RUNNABLE job starts next, and where.

Queues are served by priority; within a queue first in, first out, or by fair share. As in AWS, a
job that does not fit yet holds up those behind it, so that a large one is not starved. Three rules
are our own: jobs that can never be placed (MISCONFIGURATION) do not hold up the others, nor do jobs
whose consumable resources are in use, and a job larger than the whole host starts when the host is
otherwise idle.
Source: https://docs.aws.amazon.com/batch/latest/userguide/job_scheduling.html and
resource-aware-scheduling-how-to-for-jobs.html, which says that a job "at the head of the queue"
waits for its consumable resources, and not whether others go past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.consumables import ConsumableStore
from snakemake_executor_plugin_batchx.local.environments import ComputeEnvironment, SchedulingPolicy
from snakemake_executor_plugin_batchx.local.jobs import Attempt, Job
from snakemake_executor_plugin_batchx.local.overrides import find_task_resources
from snakemake_executor_plugin_batchx.local.queues import Queue, QueueStore

# Words: https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
MAX_RESOURCE = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
    "cannot meet the CPU requirement of the job."
)
RESOURCE_REQUIREMENT = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) "
    "is higher than that can be met by the CE(s) attached to the job queue."
)


@dataclass(frozen=True)
class Capacity:
    """What the host has: vCPUs, memory in MiB, GPUs."""

    vcpus: float
    memory_mib: int
    gpus: int = 0


@dataclass
class Placement:
    """The jobs that wait for a place, and the places taken."""

    capacity: Capacity
    queues: QueueStore
    consumables: ConsumableStore
    waiting: dict[str, dict[str, Job]] = field(default_factory=dict)
    stuck: dict[str, Job] = field(default_factory=dict)
    taken: dict[str, tuple[Job, Attempt]] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        """A job became RUNNABLE: it waits at the end of its queue."""
        self.waiting.setdefault(job.queue.arn, {})[job.job_id] = job

    def remove(self, job: Job) -> None:
        """A job waits no longer."""
        self.waiting.get(job.queue.arn, {}).pop(job.job_id, None)
        self.stuck.pop(job.job_id, None)

    def reconsider(self) -> None:
        """Queues or environments changed: jobs that could never be placed perhaps can be now."""
        for job in self.stuck.values():
            job.status_reason = None
            self.add(job)
        self.stuck.clear()

    def iter_placeable(self) -> Iterator[tuple[Job, ComputeEnvironment]]:
        """The jobs to start now, each with its environment.

        The caller must ``take`` or ``remove`` a job before the next.
        """
        for queue in sorted(self.queues.queues.values(), key=lambda each: -each.priority):
            while True:
                job = self.find_next(queue)
                environment = None if job is None else self._find_place(job)
                if job is None or environment is None:
                    break
                yield job, environment

    def take(self, job: Job, attempt: Attempt) -> None:
        """The attempt occupies its place from now on, and its job what it needs beside it."""
        self.remove(job)
        self.consumables.take(job.job_id, job.needs)
        self.taken[attempt.identifier] = (job, attempt)

    def finish(self, job: Job) -> None:
        """A job is over: it waits no longer and holds nothing."""
        self.remove(job)
        self.consumables.give_back(job.job_id)

    def release(self, attempt: Attempt) -> None:
        """The attempt's place is free again."""
        del self.taken[attempt.identifier]

    def find_next(self, queue: Queue) -> Job | None:
        """The job at the front of a queue, once those that can never be placed are set aside."""
        waiting = self.waiting.get(queue.arn, {})
        while waiting:
            job = self._find_front(queue, waiting)
            if job is None:
                return None
            reason = self._find_misconfiguration(job)
            if reason is None:
                return job
            waiting.pop(job.job_id)
            job.status_reason = reason
            self.stuck[job.job_id] = job
        return None

    def list_front(self, queue: Queue, count: int) -> list[Job]:
        """Up to ``count`` RUNNABLE jobs of a queue, those that can never be placed among them.

        In the order of their submission, or by priority and shares (API_FrontOfQueueDetail).
        """
        stuck = [job for job in self.stuck.values() if job.queue is queue]
        jobs = sorted([*stuck, *self.waiting.get(queue.arn, {}).values()], key=_get_sequence)
        if queue.policy_arn is not None:
            jobs.sort(key=self._make_share_key(queue, queue.policy_arn))
        return jobs[:count]

    def measure_environments(self) -> dict[str, float]:
        """The vCPUs that jobs use on each compute environment, by its name."""
        used: dict[str, float] = {}
        for _, attempt in self.taken.values():
            name = attempt.environment_name
            used[name] = used.get(name, 0.0) + attempt.vcpus
        return used

    def _find_front(self, queue: Queue, waiting: dict[str, Job]) -> Job | None:
        """The first of those whose consumable resources are there."""
        ready = (job for job in waiting.values() if self._has_consumables(job))
        if queue.policy_arn is None:
            return next(ready, None)
        return min(ready, key=self._make_share_key(queue, queue.policy_arn), default=None)

    def _make_share_key(self, queue: Queue, policy_arn: str) -> Callable[[Job], tuple[float, int]]:
        """What orders the jobs of a queue by shares: those come first that have used least."""
        usage = self._measure_shares(queue, self.queues.environments.find_policy(policy_arn))
        return lambda job: (usage.get(job.share_identifier, 0.0), -job.scheduling_priority)

    def _has_consumables(self, job: Job) -> bool:
        return self.consumables.can_take(job.job_id, job.needs)

    def _measure_shares(self, queue: Queue, policy: SchedulingPolicy) -> dict[str | None, float]:
        """The vCPUs that each share identifier uses, times its weight: a lower weight gets more."""
        usage: dict[str | None, float] = {}
        for job, attempt in self.taken.values():
            if job.queue is queue:
                share = job.share_identifier
                weighted = attempt.vcpus * policy.find_weight(share or "")
                usage[share] = usage.get(share, 0.0) + weighted
        return usage

    def _find_misconfiguration(self, job: Job) -> str | None:
        needed = find_task_resources(job.task)
        if needed["GPU"] > self.capacity.gpus:
            return RESOURCE_REQUIREMENT
        environments = self.queues.list_environments(job.queue)
        if all(each.max_vcpus < needed["VCPU"] for each in environments):
            return MAX_RESOURCE
        return None

    def _find_place(self, job: Job) -> ComputeEnvironment | None:
        needed = find_task_resources(job.task)
        attempts = [attempt for _, attempt in self.taken.values()]
        free_vcpus = self.capacity.vcpus - sum(each.vcpus for each in attempts)
        free_mib = self.capacity.memory_mib - sum(each.memory_mib for each in attempts)
        if attempts and (needed["VCPU"] > free_vcpus or needed["MEMORY"] > free_mib):
            return None
        for environment in self.queues.list_environments(job.queue):
            used = sum(each.vcpus for each in attempts if each.environment_name == environment.name)
            if environment.is_open and used + needed["VCPU"] <= environment.max_vcpus:
                return environment
        return None


def _get_sequence(job: Job) -> tuple[int, int]:
    return job.sequence, job.index or 0
