from __future__ import annotations

from typing import Any

import pytest
from batch_world import World, make_container, make_definition, make_resources

from snakemake_executor_plugin_batchx.local.errors import ClientError


def register(world: World, name: str = "tool", **members: Any) -> str:
    answer = world.call("RegisterJobDefinition", **make_definition(name, **members))
    return f"{answer['jobDefinitionName']}:{answer['revision']}"


def test_revisions_count_up_and_a_name_means_the_newest_active(world: World) -> None:
    assert [register(world), register(world)] == ["tool:2", "tool:3"]
    world.call("DeregisterJobDefinition", jobDefinition="tool:3")
    assert world.describe(world.submit())["jobDefinition"].endswith(":job-definition/tool:2")


@pytest.mark.parametrize("form", ["tool:1", "ARN:tool:1", "ARN:tool", "tool"])
def test_submit_takes_names_revisions_and_arns(world: World, form: str) -> None:
    prefix = "arn:aws:batch:us-east-1:123456789012:job-definition/"
    job_id = world.submit(jobDefinition=form.replace("ARN:", prefix))
    assert world.describe(job_id)["jobDefinition"] == f"{prefix}tool:1"


@pytest.mark.parametrize(
    "name", ["none", "tool:9", "tool:x", "arn:aws:batch:x:1:job-definition/tool"]
)
def test_submit_refuses_unknown_definitions_in_awss_words(world: World, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        world.submit(jobDefinition=name)
    expected = f"JobDefinition name {name} does not exist or is not in ACTIVE status"
    assert (caught.value.message, caught.value.is_framed) == (expected, False)


def test_inactive_revisions_are_described_but_cannot_run(world: World) -> None:
    world.call("DeregisterJobDefinition", jobDefinition="tool:1")
    (found,) = world.call("DescribeJobDefinitions", jobDefinitionName="tool")["jobDefinitions"]
    assert found["status"] == "INACTIVE"
    with pytest.raises(ClientError, match="ACTIVE"):
        world.submit(jobDefinition="tool:1")


def test_describe_by_name_is_exact_and_comes_in_pages(world: World) -> None:
    register(world, "tool-2")
    for _ in range(4):
        register(world)
    revisions, token = [], None
    while True:
        more = {} if token is None else {"nextToken": token}
        page = world.call("DescribeJobDefinitions", jobDefinitionName="tool", maxResults=2, **more)
        revisions.append([each["revision"] for each in page["jobDefinitions"]])
        token = page.get("nextToken")
        if token is None:
            break
    assert revisions == [[5, 4], [3, 2], [1]]


def test_describe_by_status(world: World) -> None:
    register(world)
    world.call("DeregisterJobDefinition", jobDefinition="tool:1")
    found = world.call("DescribeJobDefinitions", jobDefinitionName="tool", status="ACTIVE")
    assert [each["revision"] for each in found["jobDefinitions"]] == [2]


def test_describe_by_list_leaves_unknown_ones_out(world: World) -> None:
    arn = "arn:aws:batch:us-east-1:123456789012:job-definition/tool:1"
    found = world.call("DescribeJobDefinitions", jobDefinitions=[arn, "tool:7", "none:1"])
    assert [each["jobDefinitionArn"] for each in found["jobDefinitions"]] == [arn]
    with pytest.raises(ClientError, match="other parameters"):
        world.call("DescribeJobDefinitions", jobDefinitions=[arn], status="ACTIVE")


def test_describe_shows_what_was_registered_with_batchs_empty_lists(world: World) -> None:
    register(world, "own", parameters={"a": "b"}, tags={"t": "v"})
    (found,) = world.call("DescribeJobDefinitions", jobDefinitionName="own")["jobDefinitions"]
    assert (found["parameters"], found["tags"]) == ({"a": "b"}, {"t": "v"})
    container = found["containerProperties"]
    assert (container["image"], container["volumes"], container["secrets"]) == ("busybox", [], [])
    assert found["containerOrchestrationType"] == "ECS"


@pytest.mark.parametrize(
    ("request_members", "words"),
    [
        ({"container": make_container(image=None)}, "must have an image"),
        ({"container": make_container(resourceRequirements=[])}, "MEMORY and VCPU"),
        ({"container": make_container(resourceRequirements=make_resources("0.5"))}, "whole number"),
        (
            {"container": make_container(resourceRequirements=make_resources("x"))},
            "must be a number",
        ),
        (
            {"container": make_container(resourceRequirements=make_resources() * 2)},
            "more than once",
        ),
        (
            {
                "container": make_container(
                    mountPoints=[{"sourceVolume": "v", "containerPath": "/"}]
                )
            },
            "Unknown volume 'v'",
        ),
        ({"type": "multinode"}, "not multinode"),
        ({"eksProperties": {}, "containerProperties": None}, "not EKS"),
        ({"containerProperties": None}, "Exactly one of"),
        ({"platformCapabilities": ["EC2", "FARGATE"]}, "EC2 or FARGATE"),
        ({"surprise": 1}, "Unknown parameter"),
        ({"type": 1}, "Invalid type"),
        ({"type": "job"}, "not a value"),
        ({"type": None}, "Missing required parameter"),
    ],
)
def test_definitions_that_cannot_work_are_refused(
    world: World, request_members: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        register(world, **request_members)


def test_the_older_vcpus_and_memory_are_taken(world: World) -> None:
    register(world, container=make_container(resourceRequirements=None, vcpus=2, memory=64))
    order = world.find_start(world.submit())
    assert order.containers[0].memory_mib == 64


TWO_CONTAINERS = {
    "taskProperties": [
        {
            "containers": [
                {
                    "name": "main",
                    "image": "busybox",
                    "command": ["main"],
                    "resourceRequirements": make_resources("2", "200"),
                },
                {
                    "name": "side",
                    "image": "busybox",
                    "essential": False,
                    "resourceRequirements": make_resources("1", "100"),
                },
            ]
        }
    ]
}


def register_two(world: World, **members: Any) -> None:
    properties = {"ecsProperties": {**TWO_CONTAINERS, **members}, "containerProperties": None}
    register(world, "two", **properties)


def test_a_task_of_two_containers_is_described_in_task_properties(world: World) -> None:
    register_two(world)
    job_id = world.submit(jobDefinition="two")
    order = world.find_start(job_id)
    assert [each.name for each in order.containers] == ["main", "side"]
    assert [each.is_essential for each in order.containers] == [True, False]
    world.begin(job_id)
    world.end(job_id, 5, name="main")
    job = world.describe(job_id)
    assert "container" not in job
    (task,) = job["attempts"][0]["taskProperties"]
    assert (task["containers"][0]["name"], task["containers"][0]["exitCode"]) == ("main", 5)
    assert task["containers"][0]["logStreamName"].startswith("two/main/")
    assert job["attempts"][0]["container"] == {"networkInterfaces": []}


@pytest.mark.parametrize(
    ("containers", "words"),
    [
        ([{"name": "a", "image": "x"}, {"name": "a", "image": "x"}], "name of its own"),
        ([{"image": "x", "essential": False}], "must be essential"),
        (
            [
                {
                    "name": "a",
                    "image": "x",
                    "resourceRequirements": make_resources(),
                    "dependsOn": [{"containerName": "b", "condition": "START"}],
                }
            ],
            "Unknown container 'b'",
        ),
    ],
)
def test_tasks_that_cannot_work_are_refused(
    world: World, containers: list[Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        register_two(world, taskProperties=[{"containers": containers}])


def test_tags_are_added_removed_and_shown(world: World) -> None:
    arn = "arn:aws:batch:us-east-1:123456789012:job-definition/tool:1"
    world.call("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    world.call("UntagResource", resourceArn=arn, tagKeys=["a", "none"])
    assert world.call("ListTagsForResource", resourceArn=arn) == {"tags": {"b": "2"}}
    queue = "arn:aws:batch:us-east-1:123456789012:job-queue/queue"
    world.call("TagResource", resourceArn=queue, tags={"q": "1"})
    assert world.call("DescribeJobQueues", jobQueues=["queue"])["jobQueues"][0]["tags"] == {
        "q": "1"
    }
    parent = world.submit_array(2, tags={"of": "job"})
    job_arn = world.describe(parent)["jobArn"]
    assert world.call("ListTagsForResource", resourceArn=job_arn) == {"tags": {"of": "job"}}
    for unknown in (f"{job_arn}:0", "arn:aws:batch:us-east-1:123456789012:job-queue/none"):
        with pytest.raises(ClientError, match="not found"):
            world.call("ListTagsForResource", resourceArn=unknown)


def test_tags_of_a_resource_stay_below_51(world: World) -> None:
    arn = "arn:aws:batch:us-east-1:123456789012:job-definition/tool:1"
    world.call("TagResource", resourceArn=arn, tags={f"a{n}": "" for n in range(30)})
    with pytest.raises(ClientError, match="up to 50 tags"):
        world.call("TagResource", resourceArn=arn, tags={f"b{n}": "" for n in range(30)})
