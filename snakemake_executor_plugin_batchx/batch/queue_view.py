"""What is known of a queue whose jobs wait, and how each cause shows in it.

Each `find_…` returns what goes into a cause's texts (batch/waiting.py), None where it is not the
cause.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize, find_shortage
from snakemake_executor_plugin_batchx.plan.platform import find_type
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

STARTING_SECONDS = 600.0
"""How long instances may take from their order to their first job: usually a few minutes."""

ORDERING_SECONDS = 300.0
"""How long Batch may take to order instances for a job."""

SNAPSHOT_JOBS = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_GetJobQueueSnapshot.html"""


@dataclass(frozen=True)
class WaitingJob:
    """A RUNNABLE job: since how many seconds, Batch's reason if any, and what it asks for."""

    job_id: str
    seconds: float = 0.0
    reason: str = ""
    resources: BatchResources | None = None


@dataclass(frozen=True)
class QueueView:
    """What is known of a queue; None where it could not be asked.

    `detail` is its entry of DescribeJobQueues, `environments` are those of
    DescribeComputeEnvironments in the queue's order, `snapshot` is GetJobQueueSnapshot's answer.
    `lacking` are the names of consumable resources of which the job needs more than is free.
    `own_ids` are the jobs of this run, arrays by their own ids, and `is_working` tells whether any
    of them is STARTING or RUNNING there. `sizes` are the instance types.
    """

    queue: str
    detail: Mapping[str, Any] | None = None
    environments: Sequence[Mapping[str, Any]] | None = None
    snapshot: Mapping[str, Any] | None = None
    lacking: Sequence[str] = ()
    own_ids: frozenset[str] = frozenset()
    is_working: bool = False
    sizes: Sequence[InstanceSize] = ()


Values = Mapping[str, object]
Find = Callable[[WaitingJob, QueueView], Values | None]


# What Batch says itself


def make_reason_finder(prefix: str) -> Find:
    """Return what finds a reason of Batch's that begins with `prefix`."""

    def find(job: WaitingJob, _view: QueueView) -> Values | None:
        return {"reason": job.reason.rstrip(".")} if job.reason.startswith(prefix) else None

    return find


def find_capacity(job: WaitingJob, _view: QueueView) -> Values | None:
    """Batch says that AWS has too few instances."""
    if not job.reason.startswith("CAPACITY:"):
        return None
    found = re.search(r"instance type \[?([a-z0-9-]+\.[a-z0-9-]+)", job.reason)
    return {"what": found[1] if found else "the queue's instance types"}


# The queue and its compute environments


def make_status_finder(*statuses: str) -> Find:
    """Return what finds a queue in one of some statuses."""

    def find(_job: WaitingJob, view: QueueView) -> Values | None:
        detail = view.detail or {}
        status = detail.get("status", "VALID")
        why = detail.get("statusReason") or "no reason given"
        return {"status": status, "why": why} if status in statuses else None

    return find


def find_queue_disabled(_job: WaitingJob, view: QueueView) -> Values | None:
    """The queue takes no further job."""
    return {} if (view.detail or {}).get("state", "ENABLED") == "DISABLED" else None


def _name_environments(environments: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(each["computeEnvironmentName"] for each in environments)


def _is_disabled(environment: Mapping[str, Any]) -> bool:
    return bool(environment.get("state", "ENABLED") == "DISABLED")


def find_invalid(_job: WaitingJob, view: QueueView) -> Values | None:
    """All that are enabled are INVALID."""
    enabled = [each for each in view.environments or () if not _is_disabled(each)]
    if not enabled or any(each.get("status") != "INVALID" for each in enabled):
        return None
    reasons = dict.fromkeys(each.get("statusReason") or "no reason given" for each in enabled)
    return {"names": _name_environments(enabled), "why": "; ".join(reasons).rstrip(".")}


def find_disabled(_job: WaitingJob, view: QueueView) -> Values | None:
    """All compute environments are DISABLED."""
    environments = view.environments or ()
    if not environments or not all(map(_is_disabled, environments)):
        return None
    return {
        "names": _name_environments(environments),
        "first": environments[0]["computeEnvironmentName"],
    }


def find_updating(_job: WaitingJob, view: QueueView) -> Values | None:
    """None of the usable environments is VALID at the moment."""
    usable = _list_usable(view)
    if not usable or any(each.get("status", "VALID") == "VALID" for each in usable):
        return None
    return {"names": _name_environments(usable)}


def _list_usable(view: QueueView) -> list[Mapping[str, Any]]:
    return [
        each
        for each in view.environments or ()
        if not _is_disabled(each) and each.get("status", "VALID") != "INVALID"
    ]


# What the job asks for


def find_too_large(job: WaitingJob, view: QueueView) -> Values | None:
    """No instance type has room for the job."""
    asked = job.resources
    if asked is None:
        return None
    shortage = find_shortage(view.queue, asked.vcpus, asked.memory_mib, asked.gpus, view.sizes)
    if shortage is None:
        return None
    return {"asked": shortage.asked, "largest": shortage.largest, "setting": shortage.setting}


def _measure_vcpus(view: QueueView, member: str) -> list[float] | None:
    """Return a member of computeResources of all usable environments, None if one has it not."""
    usable = _list_usable(view)
    found = [each.get("computeResources", {}).get(member) for each in usable]
    if not found or any(each is None for each in found):
        return None
    return [float(each) for each in found]


def find_above_max(job: WaitingJob, view: QueueView) -> Values | None:
    """The job alone is above maxvCpus of every usable environment."""
    most = _measure_vcpus(view, "maxvCpus")
    if most is None or job.resources is None or job.resources.vcpus <= max(most):
        return None
    return {"asked": f"{job.resources.vcpus:g}", "most": f"{max(most):g}"}


def _list_room(view: QueueView) -> list[tuple[float, float]] | None:
    """Return how many vCPUs Batch may still order for each usable environment, and its maxvCpus."""
    most, desired = _measure_vcpus(view, "maxvCpus"), _measure_vcpus(view, "desiredvCpus")
    if most is None or desired is None:
        return None
    return [(max(limit - has, 0.0), limit) for has, limit in zip(desired, most, strict=True)]


def find_at_max(_job: WaitingJob, view: QueueView) -> Values | None:
    """No usable environment may have any vCPU more."""
    room = _list_room(view)
    if room is None or any(left for left, _ in room):
        return None
    most = sum(limit for _, limit in room)
    return {
        "environments_are": "environment is" if len(room) == 1 else "environments are",
        "most": f"{most:g}",
        "names": _name_environments(_list_usable(view)),
    }


def find_near_max(job: WaitingJob, view: QueueView) -> Values | None:
    """Each usable environment has too little left for the job, but some have something."""
    room = _list_room(view)
    if room is None or job.resources is None:
        return None
    left, limit = max(room)
    if not 0 < left < job.resources.vcpus:
        return None
    return {
        "left": f"{left:g}",
        "most": f"{limit:g}",
        "asked": f"{job.resources.vcpus:g}",
        "names": _name_environments(_list_usable(view)),
    }


def find_consumable(_job: WaitingJob, view: QueueView) -> Values | None:
    """A consumable resource is in use."""
    return {"names": ", ".join(view.lacking)} if view.lacking else None


# Others before it


def find_others(_job: WaitingJob, view: QueueView) -> Values | None:
    """Others' jobs stand before the first of this run's."""
    jobs = ((view.snapshot or {}).get("frontOfQueue") or {}).get("jobs", ())
    front = [each["jobArn"].rpartition("/")[2] for each in jobs]
    before = next(
        (place for place, job in enumerate(front) if job.partition(":")[0] in view.own_ids), None
    )
    if before is None and len(front) < SNAPSHOT_JOBS:
        return None  # older than our jobs
    if before == 0:
        return None
    count = f"{SNAPSHOT_JOBS} or more" if before is None else str(before)
    return {
        "count": count,
        "jobs_stand": "other job stands" if before == 1 else "other jobs stand",
        "first": front[0],
    }


# No instance comes, or none takes jobs


def find_working(job: WaitingJob, view: QueueView) -> Values | None:
    """Jobs of this run begin there, so this one will."""
    return {} if view.is_working and not job.reason else None


def find_starting(job: WaitingJob, view: QueueView) -> Values | None:
    """Batch has ordered instances not long ago."""
    desired = _measure_vcpus(view, "desiredvCpus")
    is_early = desired and sum(desired) > 0 and job.seconds < STARTING_SECONDS
    return {"desired": f"{sum(desired):g}"} if desired and is_early and not job.reason else None


def find_idle_instances(job: WaitingJob, view: QueueView) -> Values | None:
    """Batch wants instances, and for long no job of the queue has run on any.

    Other queues may share them, whose jobs this queue's utilization does not count.
    """
    desired = _measure_vcpus(view, "desiredvCpus")
    if not desired or sum(desired) <= 0 or job.seconds < STARTING_SECONDS or view.is_working:
        return None
    utilization = (view.snapshot or {}).get("queueUtilization") or {}
    used = utilization.get("totalCapacityUsage")
    if used is None or any(each.get("quantity") for each in used):
        return None
    if any(find(job, view) is not None for find in (find_at_max, find_near_max, find_others)):
        return None
    clusters = [each.get("ecsClusterArn", "").rpartition("/")[2] for each in _list_usable(view)]
    return {
        "desired": f"{sum(desired):g}",
        "clusters": ", ".join(filter(None, clusters)) or "the compute environment",
    }


def find_no_order(job: WaitingJob, view: QueueView) -> Values | None:
    """Batch has ordered no instance, for longer than it usually takes."""
    desired = _measure_vcpus(view, "desiredvCpus")
    if desired is None or sum(desired) > 0 or job.seconds < ORDERING_SECONDS:
        return None
    usable = _list_usable(view)
    is_spot = all(find_type(each) == "SPOT" for each in usable)
    return {
        "names": _name_environments(usable),
        "doubt": "Spot capacity and the Spot Fleet role" if is_spot else "the quota of EC2",
    }


def make_platform_finder(types: frozenset[str], *, is_managed: bool) -> Find:
    """Return what finds a long wait on environments of which no desiredvCpus is known."""

    def find(job: WaitingJob, view: QueueView) -> Values | None:
        usable = _list_usable(view)
        is_of_kind = bool(usable) and all(
            find_type(each) in types and (each.get("type", "MANAGED") == "MANAGED") == is_managed
            for each in usable
        )
        if not is_of_kind or job.seconds < ORDERING_SECONDS:
            return None
        return {"names": _name_environments(usable)}

    return find
