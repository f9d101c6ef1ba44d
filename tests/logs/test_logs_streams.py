"""Where a job's output is, as DescribeJobs tells it."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.logs.streams import (
    LogStream,
    find_other_driver,
    find_streams,
    list_containers,
)
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP

OWN_GROUP = {"logDriver": "awslogs", "options": {"awslogs-group": "own"}}
ELSEWHERE = {"logDriver": "awslogs", "options": {"awslogs-region": "eu-west-1"}}
SPLUNK = {"logDriver": "splunk", "options": {"awslogs-group": "own"}}


def describe(status: str, container: dict[str, Any], *ended: str | None) -> dict[str, Any]:
    """A job whose ended attempts wrote to these streams; None: never started a container."""
    attempts = [{"container": {"logStreamName": name} if name else {}} for name in ended]
    return {"jobId": "j", "status": status, "container": container, "attempts": attempts}


def make_stream(attempt: int, name: str, *, has_ended: bool, **members: Any) -> LogStream:
    usual = {"container": "default", "group": DEFAULT_LOG_GROUP, "stream": name}
    return LogStream(attempt=attempt, has_ended=has_ended, **{**usual, **members})


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        pytest.param(describe("RUNNABLE", {}), [], id="waits"),
        pytest.param(describe("STARTING", {"logConfiguration": OWN_GROUP}), [], id="starts"),
        pytest.param(
            describe("RUNNING", {"logStreamName": "a"}),
            [make_stream(1, "a", has_ended=False)],
            id="runs",
        ),
        pytest.param(
            describe("SUCCEEDED", {"logStreamName": "a"}, "a"),
            [make_stream(1, "a", has_ended=True)],
            id="ended",
        ),
        pytest.param(
            describe("RUNNABLE", {"logStreamName": "a"}, "a"),
            [make_stream(1, "a", has_ended=True)],
            id="waits for its second attempt",
        ),
        pytest.param(
            describe("RUNNING", {"logStreamName": "c"}, "a", None),
            [make_stream(1, "a", has_ended=True), make_stream(3, "c", has_ended=False)],
            id="third attempt, the second never started",
        ),
        pytest.param(
            describe("FAILED", {"logStreamName": "a"}),
            [make_stream(1, "a", has_ended=True)],
            id="ended, of which no attempt tells",
        ),
        pytest.param(
            describe("RUNNING", {"logStreamName": "b", "logConfiguration": OWN_GROUP}, "a"),
            [
                make_stream(1, "a", has_ended=True, group="own"),
                make_stream(2, "b", has_ended=False, group="own"),
            ],
            id="group of its own",
        ),
        pytest.param(
            describe("RUNNING", {"logStreamName": "a", "logConfiguration": ELSEWHERE}),
            [make_stream(1, "a", has_ended=False, region="eu-west-1")],
            id="another region",
        ),
        pytest.param(
            describe("FAILED", {"logStreamName": "a", "logConfiguration": SPLUNK}, "a"),
            [],
            id="another driver",
        ),
        pytest.param({"jobId": "j", "status": "PENDING"}, [], id="array's parent"),
        pytest.param(
            {"jobId": "j", "status": "RUNNING", "eksProperties": {"podProperties": {}}},
            [],
            id="on EKS",
        ),
    ],
)
def test_one_container(detail: dict[str, Any], expected: list[LogStream]) -> None:
    assert list(find_streams(detail)) == expected


def make_task(**streams: str | None) -> list[dict[str, Any]]:
    containers = [
        {"name": name, "logStreamName": stream} if stream else {"name": name}
        for name, stream in streams.items()
    ]
    return [{"taskArn": "arn", "containers": containers}]


def test_several_containers() -> None:
    tasks = make_task(tool="t2", watcher=None, shipper="s2")
    tasks[0]["containers"][0]["logConfiguration"] = OWN_GROUP
    tasks[0]["containers"][2]["logConfiguration"] = SPLUNK
    detail = {
        "jobId": "j",
        "status": "RUNNING",
        "attempts": [
            {
                "container": {"networkInterfaces": []},
                "taskProperties": make_task(tool="t1", watcher="w1", shipper="s1"),
            }
        ],
        "ecsProperties": {"taskProperties": tasks},
    }
    assert find_streams(detail) == (
        make_stream(1, "t1", container="tool", group="own", has_ended=True),
        make_stream(1, "w1", container="watcher", has_ended=True),
        make_stream(2, "t2", container="tool", group="own", has_ended=False),
    )
    assert list_containers(detail) == ("tool", "watcher", "shipper")
    assert find_other_driver(detail) == "splunk"


@pytest.mark.parametrize(
    ("configuration", "expected"), [({}, None), (OWN_GROUP, None), (SPLUNK, "splunk")]
)
def test_drivers(configuration: dict[str, Any], expected: str | None) -> None:
    detail = describe("RUNNING", {"image": "busybox", "logConfiguration": configuration})
    assert find_other_driver(detail) == expected
    assert list_containers(detail) == ("default",)
