"""Consumable resources: made and counted, taken by jobs and given back."""

from __future__ import annotations

from typing import Any

import pytest
from batch_world import World, make_definition, make_queue
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

ARN = "arn:aws:batch:us-east-1:123456789012:consumable-resource/license"


def need(quantity: int = 1, name: str = "license") -> dict[str, Any]:
    return {"consumableResourceList": [{"consumableResource": name, "quantity": quantity}]}


@pytest.fixture
def licensed(world: World) -> World:
    """A world with two licenses."""
    create(world, totalQuantity=2)
    return world


def create(world: World, name: str = "license", **members: Any) -> Any:
    return world.call("CreateConsumableResource", consumableResourceName=name, **members)


def submit(world: World, quantity: int = 1, **members: Any) -> str:
    return world.submit(consumableResourcePropertiesOverride=need(quantity), **members)


def count(world: World, name: str = "license") -> tuple[int, int, int]:
    """Total, in use and available."""
    found = world.call("DescribeConsumableResource", consumableResource=name)
    return found["totalQuantity"], found["inUseQuantity"], found["availableQuantity"]


def list_states(world: World, *job_ids: str) -> list[str]:
    return [world.status(job_id) for job_id in job_ids]


def test_a_resource_is_described_by_name_and_arn(world: World) -> None:
    create(world, totalQuantity=3, tags={"a": "b"})
    for name in ("license", ARN):
        assert world.call("DescribeConsumableResource", consumableResource=name) == {
            "consumableResourceName": "license",
            "consumableResourceArn": ARN,
            "totalQuantity": 3,
            "inUseQuantity": 0,
            "availableQuantity": 3,
            "resourceType": "REPLENISHABLE",
            "createdAt": int(world.now * 1000),
            "tags": {"a": "b"},
        }
    world.call("TagResource", resourceArn=ARN, tags={"c": "d"})
    assert world.call("ListTagsForResource", resourceArn=ARN)["tags"] == {"a": "b", "c": "d"}


def test_jobs_wait_for_what_others_hold(licensed: World) -> None:
    jobs = [submit(licensed) for _ in range(3)]
    assert list_states(licensed, *jobs) == ["STARTING", "STARTING", "RUNNABLE"]
    assert count(licensed) == (2, 2, 0)
    licensed.run(jobs[0], exit_code=1)
    assert list_states(licensed, *jobs) == ["FAILED", "STARTING", "STARTING"]
    for job_id in jobs[1:]:
        licensed.run(job_id)
    assert count(licensed) == (2, 0, 2)


def test_who_waits_for_a_resource_holds_up_nobody(licensed: World) -> None:
    first, second, other = submit(licensed, 2), submit(licensed), licensed.submit()
    assert list_states(licensed, first, second, other) == ["STARTING", "RUNNABLE", "STARTING"]


@pytest.mark.parametrize("is_fair", [False, True])
def test_both_kinds_of_queues_know_them(licensed: World, is_fair: bool) -> None:
    members = {}
    if is_fair:
        policy = licensed.call("CreateSchedulingPolicy", name="fair")
        members = {"schedulingPolicyArn": policy["arn"]}
    licensed.call("CreateJobQueue", **make_queue("other", "environment", **members))
    share = {"jobQueue": "other", **({"shareIdentifier": "a"} if is_fair else {})}
    jobs = [submit(licensed, 2, **share) for _ in range(2)]
    assert list_states(licensed, *jobs) == ["STARTING", "RUNNABLE"]


def test_they_stay_taken_between_attempts(licensed: World) -> None:
    retried = submit(licensed, 2, retryStrategy={"attempts": 2})
    other = submit(licensed)
    licensed.run(retried, exit_code=1)
    assert list_states(licensed, retried, other) == ["STARTING", "RUNNABLE"]
    assert count(licensed) == (2, 2, 0)
    licensed.run(retried)
    assert list_states(licensed, retried, other) == ["SUCCEEDED", "STARTING"]


def test_what_cannot_be_replenished_is_used_up(world: World) -> None:
    create(world, totalQuantity=2, resourceType="NON_REPLENISHABLE")
    jobs = [submit(world) for _ in range(3)]
    assert count(world) == (0, 0, 0)
    world.run(jobs[0])
    assert (count(world), world.status(jobs[2])) == ((0, 0, 0), "RUNNABLE")
    request = {"consumableResource": "license", "operation": "ADD", "quantity": 5}
    world.call("UpdateConsumableResource", **request)
    world.advance()
    assert (count(world), world.status(jobs[2])) == ((4, 0, 4), "STARTING")


def test_each_child_of_an_array_takes_its_own(licensed: World) -> None:
    parent = licensed.submit_array(3, consumableResourcePropertiesOverride=need())
    children = [f"{parent}:{index}" for index in range(3)]
    assert list_states(licensed, *children) == ["STARTING", "STARTING", "RUNNABLE"]


@pytest.mark.parametrize("call", ["CancelJob", "TerminateJob"])
def test_a_job_that_is_ended_early_gives_back_what_it_has(licensed: World, call: str) -> None:
    running, waiting = submit(licensed, 2), submit(licensed, 2)
    licensed.call(call, jobId=waiting, reason="enough")
    assert list_states(licensed, running, waiting) == ["STARTING", "FAILED"]
    licensed.call("TerminateJob", jobId=running, reason="enough")
    licensed.advance()
    licensed.end(running, None)
    assert count(licensed) == (2, 0, 2)


def test_a_definitions_need_is_the_jobs_unless_overridden(licensed: World) -> None:
    create(licensed, "other", totalQuantity=9)
    definition = make_definition("own", consumableResourceProperties=need(2))
    licensed.call("RegisterJobDefinition", **definition)
    (found,) = licensed.call("DescribeJobDefinitions", jobDefinitionName="own")["jobDefinitions"]
    assert found["consumableResourceProperties"] == need(2)
    both = {
        "consumableResourceList": [
            *need(1, ARN)["consumableResourceList"],
            *need(3, "other")["consumableResourceList"],
        ]
    }
    jobs = {
        licensed.submit(jobDefinition="own"): need(2),
        licensed.submit(
            jobDefinition="own", consumableResourcePropertiesOverride=need(1, ARN)
        ): need(1, ARN),
        licensed.submit(jobDefinition="own", consumableResourcePropertiesOverride=both): both,
    }
    for job_id, properties in jobs.items():
        assert licensed.describe(job_id)["consumableResourceProperties"] == properties
    assert "consumableResourceProperties" not in licensed.describe(licensed.submit())


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (need(1, "none"), "Consumable resource none does not exist"),
        ({"consumableResourceList": [{"quantity": 1}]}, "must name its resource"),
        ({"consumableResourceList": need()["consumableResourceList"] * 2}, "more than once"),
        ({"consumableResourceList": [{"consumableResource": "license"}]}, "at least 1, got 0"),
    ],
)
def test_needs_that_cannot_be_met_are_refused(
    licensed: World, properties: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        licensed.submit(consumableResourcePropertiesOverride=properties)
    definition = make_definition("bad", consumableResourceProperties=properties)
    with pytest.raises(ClientError, match=words):
        licensed.call("RegisterJobDefinition", **definition)


def update(world: World, operation: str, quantity: int, token: str = "t") -> int:
    total = world.call(
        "UpdateConsumableResource",
        consumableResource="license",
        operation=operation,
        quantity=quantity,
        clientToken=token,
    )["totalQuantity"]
    return int(total)


def test_quantities_are_set_raised_and_lowered(licensed: World) -> None:
    assert update(licensed, "SET", 7, "a") == 7
    assert update(licensed, "ADD", 2, "b") == 9
    assert update(licensed, "REMOVE", 4, "c") == 5
    with pytest.raises(ClientError, match="should not be negative, got -1"):
        update(licensed, "REMOVE", 6, "d")
    # What was refused may come again with its token.
    assert update(licensed, "REMOVE", 5, "d") == 0


def test_an_update_that_comes_twice_happens_once(licensed: World) -> None:
    assert [update(licensed, "ADD", 1) for _ in range(2)] == [3, 3]
    with pytest.raises(ClientError, match="was used with another request"):
        update(licensed, "ADD", 2)
    licensed.now += 8 * 3600
    assert update(licensed, "ADD", 1) == 4


def test_the_total_may_be_lowered_below_what_is_in_use(licensed: World) -> None:
    job_id = submit(licensed, 2)
    update(licensed, "SET", 1)
    assert count(licensed) == (1, 2, 0)
    licensed.run(job_id)
    assert count(licensed) == (1, 0, 1)


def test_only_what_nobody_holds_can_be_deleted(licensed: World) -> None:
    job_id = submit(licensed)
    with pytest.raises(ClientError, match="jobs hold consumable resource license"):
        licensed.call("DeleteConsumableResource", consumableResource="license")
    waiting = submit(licensed, 2)
    licensed.run(job_id)
    licensed.call("TerminateJob", jobId=waiting, reason="enough")
    licensed.advance()
    licensed.end(waiting, None)
    licensed.call("DeleteConsumableResource", consumableResource=ARN)
    with pytest.raises(ClientError, match="license does not exist"):
        count(licensed)


def test_names_are_taken_once(licensed: World) -> None:
    with pytest.raises(ClientError, match="Object already exists"):
        create(licensed)


def test_resources_and_their_jobs_are_listed(world: World) -> None:
    for name in ("license-a", "license-b", "other"):
        create(world, name, totalQuantity=1)
    by_name = [{"name": "CONSUMABLE_RESOURCE_NAME", "values": ["LICENSE*"]}]
    found = world.call("ListConsumableResources", filters=by_name)["consumableResources"]
    assert [each["consumableResourceName"] for each in found] == ["license-a", "license-b"]
    page = world.call("ListConsumableResources", maxResults=2)
    rest = world.call("ListConsumableResources", nextToken=page["nextToken"])
    assert [len(each["consumableResources"]) for each in (page, rest)] == [2, 1]
    override = need(1, "other")
    jobs = [
        world.submit(jobName=name, consumableResourcePropertiesOverride=override)
        for name in ("one", "two")
    ]
    world.submit()

    def list_jobs(*filters: tuple[str, str]) -> list[Any]:
        given = [{"name": name, "values": [value]} for name, value in filters]
        request = {"consumableResource": "other", "filters": given}
        return list(world.call("ListJobsByConsumableResource", **request)["jobs"])

    assert [each["jobArn"].rpartition("/")[2] for each in list_jobs()] == jobs
    (waiting,) = list_jobs(("JOB_STATUS", "RUNNABLE"))
    assert (waiting["jobName"], waiting["quantity"]) == ("two", 1)
    assert waiting["consumableResourceProperties"] == override
    assert [each["jobName"] for each in list_jobs(("JOB_NAME", "O*"))] == ["one"]
    for call, request in (
        ("ListConsumableResources", {}),
        ("ListJobsByConsumableResource", {"consumableResource": "other"}),
    ):
        with pytest.raises(ClientError, match="is no filter"):
            world.call(call, filters=[{"name": "X", "values": []}], **request)


def test_boto3_makes_and_counts_them(strict_aws: EmbeddedAws) -> None:
    batch = make_client(strict_aws, "batch")
    batch.create_consumable_resource(consumableResourceName="over-http", totalQuantity=2)
    batch.update_consumable_resource(consumableResource="over-http", operation="ADD", quantity=3)
    found = batch.describe_consumable_resource(consumableResource="over-http")
    assert (found["totalQuantity"], found["availableQuantity"]) == (5, 5)
    listed = batch.list_consumable_resources()["consumableResources"]
    assert "over-http" in [each["consumableResourceName"] for each in listed]
    assert batch.list_jobs_by_consumable_resource(consumableResource="over-http")["jobs"] == []
    batch.delete_consumable_resource(consumableResource="over-http")
