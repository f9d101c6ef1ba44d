from __future__ import annotations

from typing import Any

import pytest
from batch_world import World

from snakemake_executor_plugin_batchx.local.errors import ClientError


def list_ids(world: World, **members: Any) -> list[str]:
    found = world.call("ListJobs", **{"jobQueue": "queue", **members})
    return [job["jobId"] for job in found["jobSummaryList"]]


def filter_by(name: str, value: str) -> dict[str, Any]:
    return {"filters": [{"name": name, "values": [value]}]}


def test_only_running_jobs_are_listed_unless_a_status_is_given(world: World) -> None:
    running, starting = world.submit(), world.submit()
    world.begin(running)
    assert list_ids(world) == [running]
    assert list_ids(world, jobStatus="STARTING") == [starting]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("bx-a", 1), ("BX-A", 1), ("bx-*", 2), ("BX*", 2), ("x*", 0), ("*", 3), ("bx-", 0)],
)
def test_names_match_in_any_case_and_any_state(world: World, value: str, expected: int) -> None:
    for name in ("bx-a", "Bx-b", "other"):
        world.submit(jobName=name)
    world.run(world.submit(jobName="done"))
    found = list_ids(world, jobStatus="FAILED", **filter_by("JOB_NAME", value))
    assert len(found) == expected + (value == "*")


def test_definitions_are_matched_by_name_revision_and_arn(world: World) -> None:
    job_id = world.submit()
    arn = world.describe(job_id)["jobDefinition"]
    for value in ("tool", "tool:1", arn, "to*"):
        assert list_ids(world, **filter_by("JOB_DEFINITION", value)) == [job_id]
    for value in ("tool:2", "TOOL", "too"):
        assert list_ids(world, **filter_by("JOB_DEFINITION", value)) == []


def test_times_of_creation_are_matched(world: World) -> None:
    first = world.submit()
    world.advance(10)
    second = world.submit()
    between = str(world.describe(first)["createdAt"] + 5000)
    assert list_ids(world, **filter_by("BEFORE_CREATED_AT", between)) == [first]
    assert list_ids(world, **filter_by("AFTER_CREATED_AT", between)) == [second]


def test_filtered_jobs_are_newest_first_and_without_children(world: World) -> None:
    parent = world.submit_array(3)
    other = world.submit()
    assert list_ids(world, **filter_by("JOB_NAME", "job")) == [other, parent]


def test_children_are_listed_through_their_parent(world: World) -> None:
    parent = world.submit_array(3)
    world.begin(f"{parent}:1")
    found = world.call("ListJobs", arrayJobId=parent)["jobSummaryList"]
    assert [(job["jobId"], job["arrayProperties"]) for job in found] == [
        (f"{parent}:1", {"index": 1})
    ]
    assert list_ids(world, jobStatus="PENDING") == [parent]


def test_summaries_hold_what_list_jobs_shows(world: World) -> None:
    job_id = world.submit()
    world.begin(job_id)
    world.end(job_id, 137, "OutOfMemoryError: …")
    (job,) = world.call("ListJobs", jobQueue="queue", jobStatus="FAILED")["jobSummaryList"]
    assert job["container"] == {"exitCode": 137, "reason": "OutOfMemoryError: …"}
    assert job["statusReason"] == "Essential container in task exited"


def test_pages_are_stable_while_jobs_arrive(world: World) -> None:
    jobs = [world.submit() for _ in range(5)]
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = world.call(
            "ListJobs", jobQueue="queue", maxResults=2, **filter_by("JOB_NAME", "job"), **token
        )
        seen += [job["jobId"] for job in page["jobSummaryList"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
        world.submit()
    assert seen == jobs[::-1]


def test_a_page_holds_1000_by_status(world: World) -> None:
    parent = world.submit_array(1500, dependsOn=[{"jobId": world.submit()}])
    page = world.call("ListJobs", arrayJobId=parent, jobStatus="PENDING")
    assert len(page["jobSummaryList"]) == 1000
    rest = world.call(
        "ListJobs", arrayJobId=parent, jobStatus="PENDING", nextToken=page["nextToken"]
    )
    assert (len(rest["jobSummaryList"]), "nextToken" in rest) == (500, False)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Exactly one of"),
        ({"jobQueue": "queue", "arrayJobId": "x"}, "Exactly one of"),
        ({"arrayJobId": "unknown"}, "not found"),
        ({"multiNodeJobId": "unknown"}, "not found"),
        ({"jobQueue": "unknown"}, "not found"),
        ({"jobQueue": "queue", **filter_by("STATUS", "x")}, "is no filter"),
        ({"jobQueue": "queue", **filter_by("AFTER_CREATED_AT", "x")}, "milliseconds"),
        ({"jobQueue": "queue", "filters": [{"name": "JOB_NAME"}]}, "exactly one value"),
        ({"jobQueue": "queue", "nextToken": "garbage"}, "Invalid nextToken"),
        ({"jobQueue": "queue", "jobStatus": "DONE"}, "is not a value"),
    ],
)
def test_lists_that_make_no_sense_are_refused(
    world: World, members: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        world.call("ListJobs", **members)


def test_describe_leaves_unknown_ids_out(world: World) -> None:
    job_id = world.submit()
    found = world.call("DescribeJobs", jobs=["unknown", job_id, job_id])["jobs"]
    assert [job["jobId"] for job in found] == [job_id]
