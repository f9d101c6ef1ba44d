from __future__ import annotations

from typing import Any

import pytest
from batch_world import World, make_container, make_definition, make_resources

from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.overrides import substitute_parameters


def register(world: World, **members: Any) -> None:
    world.call("RegisterJobDefinition", **make_definition("own", make_container(**members)))


def submit(world: World, **overrides: Any) -> str:
    return world.submit(jobDefinition="own", containerOverrides=overrides)


def test_overrides_are_shown_merged(world: World) -> None:
    register(world, environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    job_id = submit(
        world,
        command=["other"],
        environment=[{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        resourceRequirements=[{"type": "MEMORY", "value": "200"}],
    )
    container = world.describe(job_id)["container"]
    assert container["command"] == ["other"]
    assert [each["name"] + each["value"] for each in container["environment"]] == ["A1", "B3", "C4"]
    assert container["resourceRequirements"] == make_resources("1", "200")
    order = world.find_start(job_id).containers[0]
    assert (order.memory_mib, order.environment["B"]) == (200, "3")


def test_overrides_do_not_change_the_definition(world: World) -> None:
    register(world)
    submit(world, command=["other"], resourceRequirements=[{"type": "VCPU", "value": "2"}])
    (found,) = world.call("DescribeJobDefinitions", jobDefinitionName="own")["jobDefinitions"]
    assert found["containerProperties"]["command"] == ["true"]
    assert found["containerProperties"]["resourceRequirements"] == make_resources()


def test_the_older_members_override_only_their_like(world: World) -> None:
    register(world, resourceRequirements=None, vcpus=1, memory=64)
    assert world.find_start(submit(world, memory=128)).containers[0].memory_mib == 128
    order = world.find_start(world.submit(containerOverrides={"memory": 128}))
    assert order.containers[0].memory_mib == 100


def test_named_containers_are_overridden_by_name(world: World) -> None:
    containers = [
        {"name": name, "image": "x", "command": [name], "resourceRequirements": make_resources()}
        for name in ("a", "b")
    ]
    properties = {"taskProperties": [{"containers": containers}]}
    definition = make_definition("two", ecsProperties=properties, containerProperties=None)
    world.call("RegisterJobDefinition", **definition)

    def override(name: str) -> Any:
        return {"taskProperties": [{"containers": [{"name": name, "command": ["new"]}]}]}

    job_id = world.submit(jobDefinition="two", ecsPropertiesOverride=override("b"))
    commands = [each.command for each in world.find_start(job_id).containers]
    assert commands == [("a",), ("new",)]
    with pytest.raises(ClientError, match="Unknown container 'c'"):
        world.submit(jobDefinition="two", ecsPropertiesOverride=override("c"))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"ecsPropertiesOverride": {}}, "ecsPropertiesOverride is not applicable"),
        ({"eksPropertiesOverride": {}}, "neither multinode nor EKS"),
        ({"containerOverrides": {"resourceRequirements": make_resources("0")}}, "at least 1"),
        ({"containerOverrides": {"resourceRequirements": make_resources("1.5")}}, "whole number"),
        ({"containerOverrides": {"image": "other"}}, "Unknown parameter"),
    ],
)
def test_overrides_that_do_not_fit_are_refused(
    world: World, members: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        world.submit(**members)


def test_parameters_replace_whole_arguments(world: World) -> None:
    register(world, command=["Ref::tool", "--in", "Ref::input", "xRef::input", "Ref::none"])
    job_id = world.submit(jobDefinition="own", parameters={"input": "a b", "tool": "wc"})
    command = world.find_start(job_id).containers[0].command
    assert command == ("wc", "--in", "a b", "xRef::input", "Ref::none")
    assert world.describe(job_id)["container"]["command"][0] == "Ref::tool"


def test_a_jobs_parameters_go_before_the_definitions(world: World) -> None:
    definition = make_definition("own", make_container(command=["Ref::x", "Ref::y"]))
    world.call("RegisterJobDefinition", **definition, parameters={"x": "1", "y": "2"})
    job_id = world.submit(jobDefinition="own", parameters={"y": "3"})
    assert world.find_start(job_id).containers[0].command == ("1", "3")


def test_substitution_leaves_unknown_names() -> None:
    assert substitute_parameters(["Ref::a", "Ref::"], {"b": "1"}) == ["Ref::a", "Ref::"]


def test_the_definitions_log_options_name_group_and_stream(world: World) -> None:
    options = {
        "awslogs-group": "/own/group",
        "awslogs-stream-prefix": "prefix",
        "awslogs-create-group": "true",
    }
    register(world, logConfiguration={"logDriver": "awslogs", "options": options})
    order = world.find_start(submit(world)).containers[0]
    assert (order.log_group, order.is_creating_log_group) == ("/own/group", True)
    assert order.log_stream.startswith("prefix/default/")


def test_batch_sets_its_own_variables(world: World) -> None:
    job_id = world.submit()
    environment = world.find_start(job_id).containers[0].environment
    assert environment == {
        "AWS_BATCH_CE_NAME": "environment",
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JOB_ID": job_id,
        "AWS_BATCH_JQ_NAME": "queue",
    }
