"""Queues on their way out, by a scripted Batch and a clock that only moves in sleep."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.queue_closing import PATIENCE_SECONDS, QueueCloser


class ClosingBatch:
    """Queues by ARN with the states of their jobs; a job ends `lasts` looks after it is asked."""

    def __init__(self, queues: dict[str, dict[str, str]], lasts: int = 2) -> None:
        self.queues = queues
        self.states = dict.fromkeys(queues, "VALID")
        self.lasts = lasts
        self.calls: list[tuple[str, str]] = []
        self.left: dict[str, int] = {}

    def describe_job_queues(self, *, jobQueues: list[str]) -> dict[str, Any]:  # noqa: N803
        found = [
            {"jobQueueArn": arn, "status": self.states[arn]}
            for arn in jobQueues
            if arn in self.queues
        ]
        return {"jobQueues": found}

    def update_job_queue(self, *, jobQueue: str, state: str) -> dict[str, Any]:  # noqa: N803
        self.calls.append((state, jobQueue))
        return {}

    def list_jobs(
        self,
        *,
        jobQueue: str,  # noqa: N803
        jobStatus: str,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        jobs = self.queues[jobQueue]
        if jobStatus == "SUBMITTED" and nextToken == "0":
            for job in [each for each in jobs if each in self.left]:
                self.left[job] -= 1
                if self.left[job] <= 0:
                    del jobs[job]
        found = sorted(job for job, status in jobs.items() if status == jobStatus)
        place = int(nextToken)
        more = {"nextToken": str(place + 1)} if place + 1 < len(found) else {}
        return {"jobSummaryList": [{"jobId": job} for job in found[place : place + 1]], **more}

    def terminate_job(self, *, jobId: str, reason: str) -> dict[str, Any]:  # noqa: N803
        self.calls.append(("terminate", jobId))
        assert "batchx infra down" in reason
        self.left[jobId] = self.lasts
        return {}


def close(batch: ClosingBatch, *queues: str) -> tuple[list[str], SimulatedTime]:
    told: list[str] = []
    time = SimulatedTime()
    QueueCloser(batch, time.sleep, told.append).close(queues)
    return told, time


def test_queues_close_before_their_jobs_are_ended_and_awaited() -> None:
    batch = ClosingBatch({"q1": {"a": "RUNNING", "b": "RUNNABLE", "c": "RUNNING"}, "q2": {}})
    told, time = close(batch, "q1", "q2")
    assert batch.calls[:2] == [("DISABLED", "q1"), ("DISABLED", "q2")]
    assert sorted(batch.calls[2:]) == [("terminate", each) for each in "abc"]
    assert batch.queues["q1"] == {}
    assert told == ["3 jobs are being ended: what is left of them is awaited"]
    assert time.now > 0


def test_without_jobs_nothing_is_awaited() -> None:
    assert close(ClosingBatch({"q": {}}), "q")[1].now == 0
    assert close(ClosingBatch({}))[0] == []


def test_queues_that_are_gone_or_going_are_left_alone() -> None:
    batch = ClosingBatch({"going": {"a": "RUNNING"}})
    batch.states["going"] = "DELETING"
    close(batch, "gone", "going")
    assert batch.calls == []


def test_jobs_that_do_not_end_stop_it_all() -> None:
    batch = ClosingBatch({"q": {"a": "RUNNING"}}, lasts=10**6)
    with pytest.raises(BatchxError, match=r"1 job is not ended after 15 minutes \(a\), so nothing"):
        close(batch, "q")
    assert [each for each in batch.calls if each[0] == "terminate"] == [("terminate", "a")]
    assert PATIENCE_SECONDS == 900
