"""What a run's journal is told of jobs: what they are, what they ask for, how far they are."""

from typing import Any

from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.plan.request import JobRequest


def make_item(job: TrackedJob) -> dict[str, Any]:
    """Return what the journal keeps of a job that is submitted or taken up."""
    description = job.description
    return {
        "submission": job.submission,
        "label": description.label,
        "rules": description.rules,
        "attempt": description.attempt,
        "fingerprint": job.fingerprint,
        "work": job.work,
        "prefix": job.prefix,
    }


def make_demand(request: JobRequest, image: str) -> dict[str, Any]:
    """Return what jobs ask for, and what the hosts of their queue may be."""
    resources = request.resources
    return {
        "resources": {
            "vcpus": resources.vcpus,
            "memory_mib": resources.memory_mib,
            "overhead_mib": resources.overhead_mib,
            "gpus": resources.gpus,
            "disk_mib": resources.disk_mib,
            "storage_gib": resources.storage_gib,
            "image": image,
        },
        "environments": list(request.platform.environment_types),
        "architecture": request.architecture,
    }


def make_state(submission: str, state: JobState) -> dict[str, Any]:
    """Return the fields of a state in the journal; of a job that has ended with its times."""
    fields = {
        "submission": submission,
        "status": state.status,
        "reason": state.status_reason,
        "attempts": len(state.attempts),
    }
    if not state.is_terminal:
        return fields
    return fields | {
        "created": state.created_seconds,
        "started": state.started_seconds,
        "stopped": state.stopped_seconds,
        "starts": make_starts(state),
    }


def make_starts(state: JobState) -> list[dict[str, Any]]:
    """Return the attempts of a job, each with its times and host."""
    return [_make_start(attempt) for attempt in state.attempts]


def _make_start(attempt: Attempt) -> dict[str, Any]:
    return {
        "started": attempt.started_seconds,
        "stopped": attempt.stopped_seconds,
        "host": attempt.host or None,
    }
