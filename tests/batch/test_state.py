"""Interpreting DescribeJobs."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.state import Attempt, interpret_job

SINGLE = {
    "container": {"exitCode": 3, "reason": "why", "logStreamName": "d/default/1"},
    "statusReason": "Essential container in task exited",
    "startedAt": 5,
    "stoppedAt": 6,
}
MULTI = {
    "taskProperties": [
        {"containers": [{"name": "side", "exitCode": 0}, {"name": "main", "exitCode": 4}]}
    ],
    "statusReason": "Essential container in task exited",
}
NEVER_STARTED = {
    "container": {"reason": "CannotPullContainerError: x"},
    "statusReason": "Task failed",
}


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (SINGLE, Attempt(3, "why", SINGLE["statusReason"], "d/default/1")),
        (MULTI, Attempt(4, "", SINGLE["statusReason"], None)),
        (NEVER_STARTED, Attempt(None, "CannotPullContainerError: x", "Task failed", None)),
        ({}, Attempt(None, "", "", None)),
    ],
)
def test_attempts(attempt: dict[str, Any], expected: Attempt) -> None:
    state = interpret_job({"jobId": "j", "status": "FAILED", "attempts": [attempt]})
    assert state.last_attempt == expected
    assert state.is_terminal


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"])
def test_job_on_its_way_is_not_terminal(status: str) -> None:
    state = interpret_job({"jobId": "j", "status": status})
    assert not state.is_terminal
    assert state.last_attempt is None
