"""The jobs of batchx that Batch knows, found by name and run tag: no journal is needed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.batch.state import TERMINAL
from snakemake_executor_plugin_batchx.plan.names import JOB_NAME_PREFIX, RUN_TAG


class JobFinder(Protocol):
    """What is needed of the Batch gateway."""

    def find_jobs_by_name(self, queue: str, name: str) -> list[dict[str, Any]]:
        """Return summaries of the jobs of a name; a trailing * stands for any end."""

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what Batch tells of jobs."""


@dataclass(frozen=True)
class FoundJob:
    """A single job or a whole array; `children` counts an array's children by status.

    `created_seconds` is since the epoch.
    """

    run_id: str
    job_id: str
    name: str
    status: str
    created_seconds: float
    children: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it waits or runs."""
        return self.status in TERMINAL


def interpret_found(detail: Mapping[str, Any]) -> FoundJob | None:
    """Turn one entry of DescribeJobs into a FoundJob; None for a job that no run submitted.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_ArrayPropertiesDetail.html
    """
    run_id = detail.get("tags", {}).get(RUN_TAG)
    if run_id is None:
        return None
    counts = detail.get("arrayProperties", {}).get("statusSummary") or {}
    return FoundJob(
        run_id=run_id,
        job_id=detail["jobId"],
        name=detail["jobName"],
        status=detail["status"],
        created_seconds=detail["createdAt"] / 1000,
        children={status: count for status, count in counts.items() if count},
    )


def find_jobs(
    finder: JobFinder,
    queues: Sequence[str],
    runs: Collection[str] | None = None,
    *,
    is_all: bool = False,
) -> list[FoundJob]:
    """Return the jobs of runs (None: of any) on queues by run, the oldest first.

    Those that have ended only with `is_all`. Raises AwsError where Batch cannot be asked.
    """
    summaries = [
        each for queue in queues for each in finder.find_jobs_by_name(queue, f"{JOB_NAME_PREFIX}*")
    ]
    ids = [each["jobId"] for each in summaries if is_all or each["status"] not in TERMINAL]
    found = map(interpret_found, finder.describe_jobs(ids))
    wanted = [
        job
        for job in found
        if job and (runs is None or job.run_id in runs) and (is_all or not job.has_ended)
    ]
    return sorted(wanted, key=lambda job: (job.run_id, job.created_seconds, job.job_id))
