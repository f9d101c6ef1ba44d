"""Whose definitions are whose, which have had their day, and what registers them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.batch.definition_listing import (
    OLDEST,
    choose_prunable,
    interpret_definition,
    interpret_definitions,
    read_time,
    select_definitions,
)
from snakemake_executor_plugin_batchx.batch.described_definitions import make_request
from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.plan.names import (
    hash_content,
    make_definition_name,
    make_slug,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
FARGATE_NEEDS = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]


def describe(
    rule: str = "align",
    content: int = 1,
    revision: int = 1,
    *,
    days: float | None = None,
    workflow: str | None = "flow",
) -> dict[str, Any]:
    """An entry of DescribeJobDefinitions, registered so many days before NOW (None: untold)."""
    name = f"bx-{rule}-{content:016x}"
    tags = {"batchx:rule": rule}
    if workflow is not None:
        tags["batchx:workflow"] = workflow
    if days is not None:
        tags["batchx:registered"] = f"{NOW - timedelta(days=days):%Y%m%dT%H%M%S}"
    return {
        "jobDefinitionName": name,
        "jobDefinitionArn": f"arn:aws:batch:eu-west-1:1:job-definition/{name}:{revision}",
        "revision": revision,
        "type": "container",
        "status": "ACTIVE",
        "containerProperties": {"image": "tool:1"},
        "tags": tags,
    }


def list_superseded(*described: dict[str, Any]) -> list[str]:
    return [each.label[-4:] for each in interpret_definitions(described) if each.is_superseded]


def test_a_definition_is_told_by_name_and_tags() -> None:
    found = interpret_definition(describe("map_reads", 10, 3, days=1))
    assert found is not None
    assert found.label == "bx-map_reads-000000000000000a:3"
    assert (found.rule, found.workflow, found.image) == ("map_reads", "flow", "tool:1")
    assert found.registered == datetime(2026, 6, 30, 12, tzinfo=UTC)
    assert not found.is_superseded


def test_the_name_that_a_run_gives_is_recognized() -> None:
    name = make_definition_name("map reads!", hash_content("anything"))
    tags = {"batchx:rule": make_slug("map reads!")}
    found = interpret_definition({**describe(), "jobDefinitionName": name, "tags": tags})
    assert found is not None
    assert (found.name, found.rule) == (name, "map_reads")
    assert (found.workflow, found.registered) == (None, None)


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("bx-align-0000000000000001", {}),
        ("bx-align-0000000000000001", None),
        ("bx-align-0000000000000001", {"batchx:workflow": "flow"}),
        ("bx-align-0000000000000001", {"batchx:rule": ""}),
        ("bx-align-0000000000000001", {"batchx:rule": "other"}),
        ("bx-align-0000000000000001", {"batchx:rule": "al.gn"}),
        ("bx-align-000000000000001", {"batchx:rule": "align"}),
        ("bx-align-00000000000000011", {"batchx:rule": "align"}),
        ("bx-align-000000000000000G", {"batchx:rule": "align"}),
        ("bx-align", {"batchx:rule": "align"}),
        ("my-bx-align-0000000000000001", {"batchx:rule": "align"}),
        ("align", {"batchx:rule": "align"}),
    ],
)
def test_what_has_not_both_name_and_tag_is_not_ours(name: str, tags: Any) -> None:
    assert interpret_definition({**describe(), "jobDefinitionName": name, "tags": tags}) is None


@pytest.mark.parametrize(
    "text",
    ["", "20260701", "2026-07-01T12:00:00", "20260701T1200000", "20261301T120000", "x", "²" * 15],
)
def test_what_is_no_time_counts_as_unknown(text: str) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("described", "superseded"),
    [
        ([], []),
        ([describe(days=9)], []),
        ([describe(days=None)], []),
        # The newest of a rule of a workflow stays.
        ([describe(content=1, days=9), describe(content=2, days=8)], ["01:1"]),
        ([describe(content=2, days=8), describe(content=1, days=9)], ["01:1"]),
        # Another rule's, another workflow's, or an unknown one's is no reason.
        ([describe(content=1, days=9), describe("sort", 2, days=8)], []),
        ([describe(content=1, days=9), describe(content=2, days=8, workflow="b")], []),
        ([describe(content=1, days=9, workflow=None), describe(content=2, days=8)], []),
        # Two of the same second are both what their run wanted.
        ([describe(content=1, days=9), describe(content=2, days=9)], []),
        # One that does not tell counts as the oldest.
        ([describe(content=1), describe(content=2, days=99)], ["01:1"]),
        ([describe(content=1), describe(content=2)], []),
        # An older revision, whosever it is.
        ([describe(revision=1, days=9), describe(revision=2, days=9)], ["01:1"]),
        ([describe(revision=1, workflow="a"), describe(revision=12, workflow="b")], ["01:1"]),
        # A revision without a time is the newest of its name all the same.
        ([describe(revision=1, days=9), describe(revision=2)], ["01:1"]),
        (
            [describe(days=9), describe(revision=2), describe(content=2, days=8)],
            ["01:2", "01:1"],
        ),
    ],
)
def test_which_are_superseded(described: list[dict[str, Any]], superseded: list[str]) -> None:
    assert list_superseded(*described) == superseded


@given(
    st.lists(
        st.builds(
            describe,
            rule=st.sampled_from(["a", "b"]),
            content=st.integers(0, 3),
            revision=st.integers(1, 3),
            days=st.none() | st.integers(0, 3),
            workflow=st.sampled_from([None, "x", "y"]),
        ),
        unique_by=lambda each: each["jobDefinitionArn"],
    )
)
def test_the_newest_of_every_rule_is_always_spared(described: list[dict[str, Any]]) -> None:
    found = interpret_definitions(described)
    assert len(found) == len(described)
    spared = {each.label for each in found if not each.is_superseded}
    for rule in {each.rule for each in found}:
        newest_revisions = [
            each
            for each in found
            if each.rule == rule
            and each.revision == max(f.revision for f in found if f.name == each.name)
        ]
        newest = max(newest_revisions, key=lambda each: each.registered or OLDEST)
        assert newest.label in spared
    pruned = {each.label for each in choose_prunable(found, NOW, 0)}
    assert pruned == {each.label for each in found} - spared


def test_they_are_listed_by_workflow_and_rule_the_oldest_first() -> None:
    described = [
        describe("b", 1, days=1),
        describe("a", 2, days=1),
        describe("a", 3, days=2),
        describe("a", 4, days=3, workflow=None),
        describe("a", 5),
        {**describe(), "jobDefinitionName": "theirs"},
    ]
    assert [each.name[-1] for each in interpret_definitions(described)] == list("45321")


def test_they_are_selected_by_the_names_of_rule_and_workflow() -> None:
    found = interpret_definitions(
        [
            describe("map_reads", 1, days=2),
            describe("map_reads", 2, days=1),
            describe("sort", 3, days=1),
            describe("sort", 4, days=1, workflow="other"),
        ]
    )

    def select(**criteria: Any) -> list[str]:
        return [each.name[-1] for each in select_definitions(found, **criteria)]

    assert select() == list("1234")
    assert select(rule="map reads") == select(rule="map_reads") == list("12")
    assert select(rule="sort", workflow="flow") == ["3"]
    assert select(workflow="other") == ["4"]
    assert select(is_superseded_only=True) == ["1"]
    assert select(rule="nothing") == []


@pytest.mark.parametrize(
    ("min_age_days", "chosen"),
    [(0, "1234"), (30, "123"), (31, "12"), (10**12, "1")],
)
def test_those_old_enough_are_pruned(min_age_days: int, chosen: str) -> None:
    found = interpret_definitions(
        [
            describe(content=5, days=0),
            describe(content=4, days=29.9),
            describe(content=3, days=30),
            describe(content=2, days=31),
            describe(content=1),
        ]
    )
    names = [each.name[-1] for each in choose_prunable(found, NOW, min_age_days)]
    assert names == list(chosen)


def make_container(**members: Any) -> dict[str, Any]:
    return {"image": "tool:1", "command": ["true"], "resourceRequirements": NEEDS, **members}


RULES_OF_RETRY = [{"onReason": "*", "action": "EXIT"}]
VOLUME = {"name": "v", "host": {"sourcePath": "/data"}}
MOUNT = {"sourceVolume": "v", "containerPath": "/data", "readOnly": True}


@pytest.mark.parametrize(
    "members",
    [
        {"containerProperties": make_container()},
        {
            "containerProperties": make_container(
                volumes=[VOLUME],
                mountPoints=[MOUNT],
                environment=[{"name": "A", "value": ""}],
                ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 1024}],
                privileged=False,
                jobRoleArn="arn:aws:iam::123456789012:role/job",
                logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/g"}},
            ),
            "parameters": {"a": "b"},
            "retryStrategy": {"attempts": 3, "evaluateOnExit": RULES_OF_RETRY},
            "timeout": {"attemptDurationSeconds": 60},
            "schedulingPriority": 0,
            "propagateTags": False,
            "platformCapabilities": ["EC2"],
            "tags": {"team": "7", "batchx:rule": "align"},
        },
        {
            "containerProperties": make_container(
                resourceRequirements=FARGATE_NEEDS,
                executionRoleArn="arn:aws:iam::123456789012:role/ecs",
            ),
            "platformCapabilities": ["FARGATE"],
        },
        {
            "ecsProperties": {
                "taskProperties": [{"containers": [{"name": "a", **make_container()}]}]
            }
        },
    ],
)
def test_an_exported_definition_is_registered_again_as_an_equal_one(
    members: dict[str, Any],
) -> None:
    batch = Batch(Capacity(4, 4000))
    batch.handle(
        "RegisterJobDefinition", {"jobDefinitionName": "one", "type": "container", **members}
    )
    (first,) = batch.handle("DescribeJobDefinitions", {})["jobDefinitions"]
    batch.handle("RegisterJobDefinition", make_request(first))
    second, again = batch.handle("DescribeJobDefinitions", {"jobDefinitionName": "one"})[
        "jobDefinitions"
    ]
    assert again == first
    other = {"revision": 2, "jobDefinitionArn": first["jobDefinitionArn"][:-1] + "2"}
    assert second == {**first, **other}


def test_tags_of_aws_and_what_only_aws_says_are_not_exported() -> None:
    described = describe(days=1)
    described["tags"]["aws:cloudformation:stack-name"] = "theirs"
    described["containerProperties"].update(vcpus=2, memory=512, volumes=[], linuxParameters={})
    assert make_request({**described, "parameters": {}, "containerOrchestrationType": "ECS"}) == {
        "jobDefinitionName": "bx-align-0000000000000001",
        "type": "container",
        "containerProperties": {
            "image": "tool:1",
            "resourceRequirements": [
                {"type": "VCPU", "value": "2"},
                {"type": "MEMORY", "value": "512"},
            ],
        },
        "tags": {
            "batchx:rule": "align",
            "batchx:workflow": "flow",
            "batchx:registered": "20260630T120000",
        },
    }


def test_what_is_empty_is_left_out_but_where_it_means_something() -> None:
    volumes = [{"name": "v", "emptyDir": {}, "host": None}]
    containers = [{"image": "tool:1", "env": [], "args": ["a", ""]}]
    pod = {"volumes": volumes, "containers": containers, "metadata": {}}
    described = {"jobDefinitionName": "one", "type": "container", "containerProperties": None}
    assert make_request({**described, "eksProperties": {"podProperties": pod}}) == {
        "jobDefinitionName": "one",
        "type": "container",
        "eksProperties": {
            "podProperties": {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "containers": [{"image": "tool:1", "args": ["a", ""]}],
            }
        },
    }


def test_what_the_embedded_batch_describes_it_does_not_take_as_it_is() -> None:
    batch = Batch(Capacity(4, 4000))
    request = {
        "jobDefinitionName": "one",
        "type": "container",
        "containerProperties": make_container(),
    }
    batch.handle("RegisterJobDefinition", request)
    (described,) = batch.handle("DescribeJobDefinitions", {})["jobDefinitions"]
    with pytest.raises(ClientError, match="Unknown parameter"):
        batch.handle("RegisterJobDefinition", described)
