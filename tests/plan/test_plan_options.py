"""The table of options: each row is whole, and its example is what it says."""

import ast
import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions, read_resources
from snakemake_executor_plugin_batchx.plan.options import (
    BY_RESOURCE,
    OPTIONS,
    OTHER_RESOURCES,
    Option,
    join_container_options,
    join_pairs,
)
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.volumes import join_volumes, parse_volumes
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

JOB_FIELDS = [field.name for field in dataclasses.fields(JobOptions)]
SETTINGS = {field.name: field for field in dataclasses.fields(ExecutorSettings)}

OF_OTHER_NAMES = {"queue": "job_queue"}
"""Options whose setting is called otherwise."""

OF_ITS_RULE_ALONE = {"image"}
"""Options without a setting: --container-image is Snakemake's own."""

rows = pytest.mark.parametrize("option", OPTIONS, ids=[option.name for option in OPTIONS])


def read_example(option: Option) -> tuple[str, Any]:
    """Resource and value of an example, which is written as in a rule."""
    (assignment,) = ast.parse(option.example).body
    assert isinstance(assignment, ast.Assign)
    (target,) = assignment.targets
    assert isinstance(target, ast.Name)
    return target.id, ast.literal_eval(assignment.value)


def test_every_field_of_a_job_has_one_row() -> None:
    assert [option.name for option in OPTIONS] == JOB_FIELDS
    assert list(BY_RESOURCE) == [f"batchx_{name}" for name in JOB_FIELDS]
    assert OTHER_RESOURCES.isdisjoint(BY_RESOURCE)


def test_every_setting_that_gives_a_default_is_in_the_table() -> None:
    named = {option.name: option.setting for option in OPTIONS}
    wanted = {name: name for name in JOB_FIELDS} | OF_OTHER_NAMES
    assert named == {**wanted, **dict.fromkeys(OF_ITS_RULE_ALONE)}
    assert {setting for setting in named.values() if setting} <= SETTINGS.keys()
    assert OF_ITS_RULE_ALONE.isdisjoint(SETTINGS)


@rows
def test_an_example_is_read(option: Option) -> None:
    resource, value = read_example(option)
    assert resource == option.resource
    options = read_resources({resource: value}, "Rule a")
    given = {name: getattr(options, name) for name in JOB_FIELDS}
    assert given.pop(option.name) not in (None, ())
    assert set(given.values()) == {None}


@rows
def test_a_flag_is_that_of_its_setting(option: Option) -> None:
    if option.setting is None:
        assert option.flag is None
    else:
        assert option.flag == "--batchx-" + option.setting.replace("_", "-")


@rows
def test_several_things_are_given_by_a_setting_with_several(option: Option) -> None:
    # Options of docker run are one text, whose flags are the things.
    if option.setting:
        has_several = SETTINGS[option.setting].metadata.get("nargs") == "+"
        assert has_several == (option.join is not None and option.name != "options")


@rows
def test_what_an_option_needs_is_told_of_queues(option: Option) -> None:
    if option.needs:
        assert isinstance(getattr(Platform("q"), option.needs), bool)
    assert (option.where == "Fargate") == (option.needs == "is_fargate")


@rows
def test_a_row_tells_all_that_a_reference_shows(option: Option) -> None:
    for text in (option.kind, option.goes_to, option.where, option.default, option.meaning):
        assert text == text.strip() != ""
        assert not text.endswith(".")
    assert re.match("[A-Z]|containerProperties|containerOverrides", option.goes_to)


@rows
def test_a_default_in_the_documentation_is_one(option: Option) -> None:
    """Where a row names a plain value as its default, that value can be given, too."""
    plain = {
        "memory_overhead": 256,
        "retries": 2,
        "log_group": "/aws/batch/job",
        "public_ip": "off",
        "platform_version": "LATEST",
        "array": "on",
    }
    if option.name in plain:
        assert option.default == str(plain[option.name])
        assert option.read(option.default) is not None
    else:
        assert " " in option.default or option.default == "none"


OLD, NEW, OTHER = ("a", "1"), ("a", "2"), ("b", "3")


def test_pairs_are_joined_by_name_with_the_rules_on_top() -> None:
    assert join_pairs((NEW,), (OTHER, OLD)) == (NEW, OTHER)
    assert join_pairs((), (OTHER, OLD)) == (OLD, OTHER)
    assert join_pairs((NEW,), ()) == (NEW,)


def test_volumes_are_joined_by_path_with_the_rules_on_top() -> None:
    own = parse_volumes("/new:/data:ro /mine")
    default = parse_volumes("/old:/data efs://fs-01234567:/ref")
    assert join_volumes(own, default) == (own[0], default[1], own[1])


def test_the_containers_options_are_joined_flag_by_flag_with_the_rules_on_top() -> None:
    own = ContainerOptions(user="1", environment=NEW_VARIABLES)
    default = ContainerOptions(user="2", is_init=True, environment=OLD_VARIABLES)
    assert join_container_options(own, default) == ContainerOptions(
        user="1", is_init=True, environment=(OTHER, NEW)
    )


OLD_VARIABLES, NEW_VARIABLES = (OLD, OTHER), (NEW,)

JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "consumables": join_pairs,
    "tags": join_pairs,
    "secrets": join_pairs,
    "registry_credentials": join_pairs,
    "volumes": join_volumes,
    "options": join_container_options,
}


@rows
def test_what_holds_several_things_is_joined(option: Option) -> None:
    assert option.join == JOINS.get(option.name)


def test_secrets_are_not_shown() -> None:
    shown = {option.name: option.show("TOKEN=hunter2") for option in OPTIONS}
    hidden = [shown.pop(name) for name in ("secrets", "registry_credentials")]
    assert not any("hunter2" in each for each in hidden)
    assert set(shown.values()) == {"'TOKEN=hunter2'"}
