"""What the embedded Batch itself says of its jobs, asked past the faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HOST_LOST = "Host EC2"
ENDED = frozenset({"SUCCEEDED", "FAILED"})
PAGE = 100
LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class ServerJob:
    """A job, an array or a child of one; ``reasons`` are those of its attempts that have ended.

    ``is_ending``: somebody terminated or cancelled it. ``created_at`` is in seconds since 1970.
    """

    job_id: str
    name: str
    status: str
    status_reason: str
    is_ending: bool
    is_array: bool
    created_at: float
    reasons: tuple[str, ...]

    @property
    def is_active(self) -> bool:
        """True while it runs or waits."""
        return self.status not in ENDED

    @property
    def is_stopped(self) -> bool:
        """True if it did not come to its own end."""
        return self.is_ending and self.status == "FAILED"

    def is_interrupted(self, attempt: int) -> bool:
        """Return whether this attempt (from 1) lost its host."""
        return attempt <= len(self.reasons) and self.reasons[attempt - 1].startswith(HOST_LOST)


class ServerRecord:
    """Reads every job of a queue.

    Args:
        client: a boto3 client of the embedded Batch itself.
        job_queue: the queue's name.
    """

    def __init__(self, client: Any, job_queue: str):
        self._client = client
        self._job_queue = job_queue

    def read_jobs(self) -> dict[str, ServerJob]:
        """Return all jobs by id, arrays and their children included."""
        ids = list(self._iter_ids())
        found: dict[str, ServerJob] = {}
        for start in range(0, len(ids), PAGE):
            answer = self._client.describe_jobs(jobs=ids[start : start + PAGE])
            for detail in answer["jobs"]:
                found[detail["jobId"]] = _read_job(detail)
        return found

    def wait_until_idle(self, seconds: float) -> dict[str, ServerJob]:
        """Return all jobs once none runs or waits, or when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            jobs = self.read_jobs()
            if time.monotonic() > deadline or not any(job.is_active for job in jobs.values()):
                return jobs
            time.sleep(LOOK_SECONDS)

    def _iter_ids(self) -> Iterator[str]:
        """All jobs whatever their state: that is what a filter by time lists."""
        everything = [{"name": "AFTER_CREATED_AT", "values": ["0"]}]
        pages = self._client.get_paginator("list_jobs").paginate(
            jobQueue=self._job_queue, filters=everything
        )
        for page in pages:
            for job in page["jobSummaryList"]:
                yield job["jobId"]
                for index in range(job.get("arrayProperties", {}).get("size", 0)):
                    yield f"{job['jobId']}:{index}"


def _read_job(detail: dict[str, Any]) -> ServerJob:
    return ServerJob(
        job_id=detail["jobId"],
        name=detail["jobName"],
        status=detail["status"],
        status_reason=detail.get("statusReason", ""),
        is_ending=detail.get("isCancelled", False) or detail.get("isTerminated", False),
        is_array="size" in detail.get("arrayProperties", {}),
        created_at=detail["createdAt"] / 1000,
        reasons=tuple(each.get("statusReason", "") for each in detail["attempts"]),
    )
