"""What is asked of Docker for a container, and what is made of its output: no engine is needed."""

from __future__ import annotations

from typing import Any

import pytest
from batch_world import (
    World,
    make_container,
    make_definition,
    make_fargate,
    make_fargate_environment,
    make_queue,
    make_resources,
)
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.local.docker_containers import (
    ContainerWorld,
    make_container_name,
    make_volume_names,
    plan_container,
)
from snakemake_executor_plugin_batchx.local.docker_engine import ContainerEnd
from snakemake_executor_plugin_batchx.local.docker_messages import judge_end
from snakemake_executor_plugin_batchx.local.docker_orphans import is_server_dead, make_server_label
from snakemake_executor_plugin_batchx.local.docker_output import FrameSplitter
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.launch import RuntimeTrees
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.local.process_environment import Surroundings

AROUND = Surroundings("http://h", "us-east-1", "/bin", "http://h/credentials", "/shared")
WORLD = ContainerWorld(AROUND, RuntimeTrees("/base", "/own"), "label")
MIB = 1024 * 1024


def make_order(world: World, **members: Any) -> StartOrder:
    """The order that starts a job of a definition with these container properties."""
    world.call("RegisterJobDefinition", **make_definition("mine", make_container(**members)))
    return world.find_start(world.submit(jobDefinition="mine"))


def plan(world: World, **members: Any) -> Any:
    order = make_order(world, **members)
    return plan_container(order, order.containers[0], WORLD)


def test_a_plain_container(world: World) -> None:
    body = plan(world)
    assert (body["Image"], body["Cmd"], body["User"]) == ("busybox", ["true"], "")
    assert body["Labels"]["batchx.server"] == "label"
    assert "AWS_ENDPOINT_URL=http://h" in body["Env"]
    host = body["HostConfig"]
    assert host["NetworkMode"] == "host"
    assert (host["Memory"], host["MemorySwap"]) == (100 * MIB, 100 * MIB)
    assert host["CpuShares"] == 1024
    assert [(each["Source"], each["Target"], each["ReadOnly"]) for each in host["Mounts"]] == [
        ("/shared", "/shared", False),
        ("/base", "/batchx", True),
        ("/own", "/batchx/plugin", True),
    ]
    assert "DeviceRequests" not in host


def test_secrets_are_variables_of_their_container_alone(world: World) -> None:
    order = make_order(world, environment=[{"name": "A", "value": "1"}])
    body = plan_container(order, order.containers[0], WORLD, {"TOKEN": "hidden"})
    assert {"A=1", "TOKEN=hidden"} <= set(body["Env"])
    body["Env"].remove("TOKEN=hidden")
    assert "hidden" not in str(body)


def test_without_a_command_the_images_applies(world: World) -> None:
    assert plan(world, command=[])["Cmd"] is None


def test_swap_is_given_where_it_is_asked_for(world: World) -> None:
    host = plan(world, linuxParameters={"maxSwap": 50, "swappiness": 7})["HostConfig"]
    assert (host["MemorySwap"], host["MemorySwappiness"]) == (150 * MIB, 7)
    assert "MemorySwappiness" not in plan(world, linuxParameters={"swappiness": 7})["HostConfig"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"privileged": True}, {"Privileged": True}),
        ({"linuxParameters": {"initProcessEnabled": True}}, {"Init": True}),
        (
            {
                "linuxParameters": {
                    "devices": [{"hostPath": "/dev/fuse", "permissions": ["READ", "MKNOD"]}]
                }
            },
            {
                "Devices": [
                    {
                        "PathOnHost": "/dev/fuse",
                        "PathInContainer": "/dev/fuse",
                        "CgroupPermissions": "rm",
                    }
                ]
            },
        ),
        (
            {"resourceRequirements": None, "vcpus": 3, "memory": 10},
            {"CpuShares": 3072, "Memory": 10 * MIB},
        ),
    ],
)
def test_options(members: dict[str, Any], expected: dict[str, Any]) -> None:
    host = plan(World(), **members)["HostConfig"]
    assert {name: host[name] for name in expected} == expected


def test_names_are_dockers(world: World) -> None:
    volumes = [{"name": "own", "host": {}}, {"name": "host", "host": {"sourcePath": "/here"}}]
    mounts = [
        {"sourceVolume": "own", "containerPath": "/a"},
        {"sourceVolume": "host", "containerPath": "/b", "readOnly": True},
    ]
    order = make_order(world, volumes=volumes, mountPoints=mounts)
    start = "batchx-" + order.attempt_id.replace("#", "-")
    assert make_container_name(order, order.containers[0]) == f"{start}-default"
    assert make_volume_names(order) == {"own": f"{start}-own"}
    host = plan_container(order, order.containers[0], WORLD)["HostConfig"]
    assert host["Binds"] == [f"{start}-own:/a:rw", "/here:/b:ro"]


def test_fargate_containers_without_a_limit_have_the_tasks(world: World) -> None:
    containers = [
        {"name": "a", "image": "x", "resourceRequirements": make_resources("0.25", "512")},
        {"name": "b", "image": "x"},
    ]
    definition = make_fargate("two", resourceRequirements=None)
    role = definition.pop("containerProperties")["executionRoleArn"]
    task = {"containers": containers, "executionRoleArn": role}
    definition["ecsProperties"] = {"taskProperties": [task]}
    world.call("RegisterJobDefinition", **definition)
    world.call("CreateComputeEnvironment", **make_fargate_environment("far"))
    world.call("CreateJobQueue", **make_queue("far", "far"))
    order = world.find_start(world.submit(jobDefinition="two", jobQueue="far"))
    limits = [plan_container(order, each, WORLD)["HostConfig"] for each in order.containers]
    assert [each["Memory"] for each in limits] == [512 * MIB, 512 * MIB]
    assert [each["CpuShares"] for each in limits] == [256, 0]
    assert [each["CpuQuota"] / each["CpuPeriod"] for each in limits] == [0.25, 0.25]


def test_containers_that_wait_for_each_other_are_refused(world: World) -> None:
    containers = [
        {
            "name": name,
            "image": "x",
            "resourceRequirements": make_resources(),
            "dependsOn": [{"containerName": other, "condition": "START"}],
        }
        for name, other in (("a", "b"), ("b", "a"))
    ]
    definition = make_definition(
        "circle",
        ecsProperties={"taskProperties": [{"containers": containers}]},
        containerProperties=None,
    )
    with pytest.raises(ClientError, match="in a cycle"):
        world.call("RegisterJobDefinition", **definition)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ContainerEnd(0, False, ""), None),
        (ContainerEnd(5, True, ""), "OutOfMemoryError: Container killed due to memory usage"),
        (ContainerEnd(128, False, "no such device"), "DockerStateError: no such device"),
    ],
)
def test_how_an_end_is_judged(end: ContainerEnd, reason: str | None) -> None:
    result = judge_end("default", end)
    assert (result.name, result.exit_code, result.reason) == ("default", end.exit_code, reason)


@given(
    frames=st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40))),
    cuts=st.lists(st.integers(1, 20), min_size=1),
)
def test_frames_come_out_however_they_are_cut(
    frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = b"".join(
        bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in frames
    )
    splitter = FrameSplitter()
    found = {1: b"", 2: b""}
    position = turn = 0
    while position < len(data):
        step = cuts[turn % len(cuts)]
        for stream, piece in splitter.feed(data[position : position + step]):
            found[stream] += piece
        position, turn = position + step, turn + 1
    assert found == {n: b"".join(text for stream, text in frames if stream == n) for n in (1, 2)}


def test_a_servers_label_tells_whether_it_lives() -> None:
    own = make_server_label()
    pid, started, namespace = own.split(":")
    assert not is_server_dead(own)
    # Another process that has its number by now.
    assert is_server_dead(f"{pid}:{int(started) + 1}:{namespace}")
    assert is_server_dead(f"{2**22 + 1}:{started}:{namespace}")
    # Of another machine or container: who knows.
    assert not is_server_dead(f"{pid}:{int(started) + 1}:1")
    assert not is_server_dead("whatever")


def test_gpus_and_shares_beyond_what_one_host_has() -> None:
    resources = make_resources("300", "100", "2")
    container = ContainerOrder(
        name="default",
        image="x",
        command=(),
        environment={},
        memory_mib=100,
        is_essential=True,
        log_group="g",
        log_stream="s",
        is_creating_log_group=False,
        properties={"resourceRequirements": resources},
    )
    order = StartOrder("a#1", "a", None, False, (container,))
    host = plan_container(order, container, WORLD)["HostConfig"]
    assert host["CpuShares"] == 262_144
    assert host["DeviceRequests"] == [{"Count": 2, "Capabilities": [["gpu"]]}]
