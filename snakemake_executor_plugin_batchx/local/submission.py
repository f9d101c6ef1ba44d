"""SubmitJob: a request becomes a job, or an array's parent with its children.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.checks import (
    check_bound,
    check_kib,
    check_pattern,
    check_tags,
)
from snakemake_executor_plugin_batchx.local.definitions import check_retry_strategy, check_timeout
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.jobs import Job, JobState
from snakemake_executor_plugin_batchx.local.overrides import merge_task
from snakemake_executor_plugin_batchx.local.queues import Queue
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.store import JobStore


@dataclass
class Submitter:
    """Makes jobs of requests.

    ``make_id`` yields unique ids, ``read_now_ms`` the time in ms since 1970.
    """

    identity: Identity
    store: JobStore
    make_id: Callable[[], str]
    read_now_ms: Callable[[], int]
    count: int = field(default=0)

    def submit(self, request: JsonObject) -> list[Job]:
        """The new jobs, already stored: one, or a parent followed by its children.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        _check_members(request)
        queue = self.store.queues.find(request["jobQueue"])
        if not queue.is_enabled:
            raise ClientError(f"JobQueue {queue.arn} is not ENABLED")
        _check_share(request, queue)
        definition = self.store.definitions.find_for_submit(request["jobDefinition"])
        environments = self.store.queues.list_environments(queue)
        if definition.is_fargate != environments[0].is_fargate:
            raise ClientError("The job definition's platform does not fit the job queue's")
        needs = self.store.definitions.consumables.merge_needs(definition.request, request)
        size = request.get("arrayProperties", {}).get("size")
        dependencies = self._find_dependencies(request, size)
        self.count += 1
        job_id = self.make_id()
        job = Job(
            job_id=job_id,
            arn=self.identity.make_arn("job", job_id),
            name=request["jobName"],
            queue=queue,
            definition=definition,
            request=request,
            task=merge_task(definition, request),
            created_at=self.read_now_ms(),
            sequence=self.count,
            tags=dict(request.get("tags", {})),
            needs=needs,
            size=size,
            dependencies=dependencies,
        )
        jobs = [job, *self._make_children(job)]
        for each in jobs:
            self.store.add(each)
        return jobs

    def _find_dependencies(self, request: JsonObject, size: int | None) -> list[Job]:
        """The jobs that the request as a whole depends on.

        Types are checked, children read them later.
        """
        given = request.get("dependsOn", [])
        check_bound("dependencies", len(given))
        found = []
        for each in given:
            kind, job_id = each.get("type"), each.get("jobId")
            if kind is not None and size is None:
                raise ClientError(f"A dependency of type {kind} is for array jobs only")
            if kind == "SEQUENTIAL":
                if job_id is not None:
                    raise ClientError("A SEQUENTIAL dependency takes no jobId")
                continue
            if job_id is None:
                raise ClientError("A dependency must have a jobId")
            job = self.store.find(job_id)
            if job is None:
                raise ClientError(f"Job {job_id} of dependsOn not found")
            if kind == "N_TO_N" and job.size != size:
                raise ClientError("An N_TO_N dependency must be an array job of the same size")
            found.append(job)
        return found

    def _make_children(self, parent: Job) -> list[Job]:
        if parent.size is None:
            return []
        given = parent.request.get("dependsOn", [])
        is_sequential = any(each.get("type") == "SEQUENTIAL" for each in given)
        matched = {each["jobId"] for each in given if each.get("type") == "N_TO_N"}
        for index in range(parent.size):
            dependencies = [
                each.children[index] if each.job_id in matched else each
                for each in parent.dependencies
            ]
            if is_sequential and index:
                dependencies.append(parent.children[-1])
            self.count += 1
            parent.children.append(self._make_child(parent, index, dependencies))
        parent.child_counts = dict.fromkeys(JobState, 0)
        parent.child_counts[JobState.SUBMITTED] = parent.size
        return parent.children

    def _make_child(self, parent: Job, index: int, dependencies: list[Job]) -> Job:
        job_id = f"{parent.job_id}:{index}"
        return Job(
            job_id=job_id,
            arn=self.identity.make_arn("job", job_id),
            name=parent.name,
            queue=parent.queue,
            definition=parent.definition,
            request=parent.request,
            task=parent.task,
            created_at=parent.created_at,
            sequence=self.count,
            tags=parent.tags,
            needs=parent.needs,
            parent=parent,
            index=index,
            dependencies=dependencies,
        )


def _check_members(request: JsonObject) -> None:
    """What a request must keep to wherever it goes."""
    check_kib("submit_bytes", len(json.dumps(request, separators=(",", ":")).encode()))
    check_pattern("job_name", request["jobName"])
    check_tags(request.get("tags", {}))
    check_retry_strategy(request.get("retryStrategy"))
    check_timeout(request.get("timeout"))
    if "size" in request.get("arrayProperties", {}):
        check_bound("array_size", request["arrayProperties"]["size"])


def _check_share(request: JsonObject, queue: Queue) -> None:
    """ShareIdentifier is demanded by queues with a scheduling policy, and refused by the others."""
    share = request.get("shareIdentifier")
    if queue.policy_arn is None:
        for member in ("shareIdentifier", "schedulingPriorityOverride"):
            if member in request:
                raise ClientError(f"{member} is for job queues with a scheduling policy only")
        return
    if share is None:
        raise ClientError("shareIdentifier must be given for a job queue with a scheduling policy")
    check_pattern("share_identifier", share)
    if "schedulingPriorityOverride" in request:
        check_bound("scheduling_priority", request["schedulingPriorityOverride"])
