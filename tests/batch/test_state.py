"""Interpreting DescribeJobs."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.state import (
    Attempt,
    ContainerEnd,
    JobState,
    interpret_job,
    interpret_summary,
)
from snakemake_executor_plugin_batchx.plan.container_logs import LogAddress

GROUP = "/aws/batch/job"
EXITED = "Essential container in task exited"
SINGLE = {
    "container": {"exitCode": 3, "reason": "why", "logStreamName": "d/default/1"},
    "statusReason": EXITED,
}
MULTI = {
    "container": {"networkInterfaces": []},
    "taskProperties": [
        {
            "containers": [
                {"name": "side", "exitCode": 0},
                {"name": "main", "exitCode": 4, "logStreamName": "d/main/1"},
            ]
        }
    ],
    "statusReason": EXITED,
}
NEVER_STARTED = {
    "container": {"reason": "CannotPullContainerError: x"},
    "statusReason": "Task failed to start",
}


def interpret(**detail: Any) -> JobState:
    return interpret_job({"jobId": "j", "status": "FAILED", **detail})


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (
            SINGLE,
            Attempt((ContainerEnd("", 3, "why", LogAddress(GROUP, "d/default/1")),), EXITED),
        ),
        (
            MULTI,
            Attempt(
                (
                    ContainerEnd("side", 0),
                    ContainerEnd("main", 4, "", LogAddress(GROUP, "d/main/1")),
                ),
                EXITED,
            ),
        ),
        (
            NEVER_STARTED,
            Attempt(
                (ContainerEnd("", None, "CannotPullContainerError: x"),), "Task failed to start"
            ),
        ),
        ({}, Attempt((ContainerEnd(""),))),
    ],
)
def test_attempts(attempt: dict[str, Any], expected: Attempt) -> None:
    state = interpret(attempts=[SINGLE, attempt])
    assert state.last_attempt == expected
    assert state.is_terminal


DECIDERS = [
    # The essential one, whatever its helpers ended with.
    ([("side", False, 1, ""), ("main", True, 0, "")], "main"),
    # Of essential ones that which failed by itself: the other was stopped because of it.
    ([("one", True, 143, ""), ("two", True, 5, "")], "two"),
    ([("one", True, 7, ""), ("two", True, 137, "")], "one"),
    # The host's agent tells of a want of memory only where there was one.
    ([("one", True, 137, "OutOfMemoryError: x"), ("two", True, 1, "")], "one"),
    ([("one", True, 137, ""), ("two", True, 0, "")], "one"),
    ([("one", True, 0, ""), ("two", True, 0, "")], "one"),
    # Another could not start because one before it failed.
    ([("first", True, None, "CannotStartContainerError: x"), ("two", True, None, "")], "first"),
]


@pytest.mark.parametrize(("containers", "decider"), DECIDERS)
def test_the_container_that_ended_the_attempt_decides(
    containers: list[tuple[str, bool, int | None, str]], decider: str
) -> None:
    ends = [
        {"name": name, "reason": reason, "logStreamName": f"stream-{name}"}
        | ({} if code is None else {"exitCode": code})
        for name, _, code, reason in containers
    ]
    asked = [{"name": name, "essential": essential} for name, essential, _, _ in containers]
    state = interpret(
        ecsProperties={"taskProperties": [{"containers": asked}]},
        attempts=[{"taskProperties": [{"containers": ends}]}],
    )
    attempt = state.last_attempt
    assert attempt is not None
    assert attempt.decider.name == decider
    assert attempt.log == LogAddress(GROUP, f"stream-{decider}")


def test_an_attempt_without_containers_tells_nothing() -> None:
    attempt = Attempt(())
    assert (attempt.exit_code, attempt.reason, attempt.log) == (None, "", None)


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"])
def test_job_on_its_way_is_not_terminal(status: str) -> None:
    state = interpret(status=status)
    assert not state.is_terminal
    assert state.last_attempt is None
    assert (state.is_terminated, state.is_cancelled, state.timeout_seconds) == (False, False, None)


def test_who_ended_a_job_and_its_time_limit() -> None:
    state = interpret(isTerminated=True, timeout={"attemptDurationSeconds": 60})
    assert (state.is_terminated, state.is_cancelled, state.timeout_seconds) == (True, False, 60)


def make_logging(driver: str = "awslogs", **options: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return {"logConfiguration": {"logDriver": driver, "options": named}}


@pytest.mark.parametrize(
    ("logging", "address"),
    [
        ({}, LogAddress(GROUP, "d/2")),
        ({"logConfiguration": {"logDriver": "awslogs"}}, LogAddress(GROUP, "d/2")),
        (make_logging(awslogs_group="/mine"), LogAddress("/mine", "d/2")),
        (make_logging(awslogs_region="us-east-2"), LogAddress(GROUP, "d/2", "us-east-2")),
        (make_logging("splunk"), None),
    ],
)
def test_where_the_output_of_the_last_attempt_went(
    logging: dict[str, Any], address: LogAddress | None
) -> None:
    """Attempts tell of streams alone: the rest stands with the job's own containers."""
    ended = {"exitCode": 1, "logStreamName": "d/2"}
    single = interpret(container={**logging, **ended}, attempts=[SINGLE, {"container": ended}])
    assert single.last_attempt is not None
    assert single.last_attempt.log == address
    side = {"name": "side", "essential": False, "logStreamName": "d/side/2"}
    ends = [{"name": "side", "logStreamName": "d/side/2"}, {"name": "main", **ended}]
    several = interpret(
        ecsProperties={"taskProperties": [{"containers": [side, {"name": "main", **logging}]}]},
        attempts=[{"taskProperties": [{"containers": ends}]}],
    )
    assert several.last_attempt is not None
    assert several.last_attempt.log == address


def test_what_ecs_put_in_beside_the_jobs_containers_decides_nothing() -> None:
    ends = [{"name": "guard", "exitCode": 1, "reason": "x"}, {"name": "main", "exitCode": 0}]
    state = interpret(
        ecsProperties={"taskProperties": [{"containers": [{"name": "main"}]}]},
        attempts=[{"taskProperties": [{"containers": ends}]}],
    )
    assert state.last_attempt is not None
    assert state.last_attempt.decider.name == "main"


def test_times_and_hosts() -> None:
    first = {
        "container": {"containerInstanceArn": "arn:a"},
        "startedAt": 2_500,
        "stoppedAt": 4_000,
        "statusReason": "Host EC2 (instance i-1) terminated.",
    }
    second = {"taskProperties": [{"containerInstanceArn": "arn:b"}], "stoppedAt": 9_000}
    state = interpret(
        createdAt=1_000,
        startedAt=0,
        stoppedAt=9_500,
        attempts=[first, second],
        ecsProperties={"taskProperties": [{"containerInstanceArn": "arn:c", "containers": []}]},
    )
    assert (state.created_seconds, state.started_seconds, state.stopped_seconds) == (1.0, None, 9.5)
    assert state.hosts == ("arn:a", "arn:b", "arn:c")
    told = [(each.started_seconds, each.stopped_seconds) for each in state.attempts]
    assert told == [(2.5, 4.0), (None, 9.0)]
    assert interpret(container={"containerInstanceArn": "arn:d"}).hosts == ("arn:d",)
    assert interpret().hosts == ()


def test_a_summary_has_times_and_no_attempts() -> None:
    state = interpret_summary(
        {"jobId": "p:1", "status": "SUCCEEDED", "createdAt": 1000, "startedAt": 2000}
    )
    assert state == JobState(
        "p:1", "SUCCEEDED", "", (), created_seconds=1.0, started_seconds=2.0, stopped_seconds=None
    )
