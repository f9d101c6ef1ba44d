"""The arguments of the Snakemake inside a job."""

import shlex
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_batchx.workflow.command import (
    JobArgsFactory,
    replace_option,
    split_literals,
    take_option,
)

ARGV = ["--cores", "all", "--flag", "--configfiles", "a.yaml", "b.yaml", "--attempt", "1"]


@pytest.mark.parametrize(
    ("option", "values", "expected"),
    [
        (
            "--configfiles",
            ["c.yaml"],
            ["--cores", "all", "--flag", "--configfiles", "c.yaml", "--attempt", "1"],
        ),
        ("--configfiles", None, ["--cores", "all", "--flag", "--attempt", "1"]),
        ("--flag", None, [*ARGV[:2], *ARGV[3:]]),
        ("--attempt", ["2"], [*ARGV[:-1], "2"]),
        ("--missing", ["1"], ARGV),
        ("--missing", None, ARGV),
    ],
)
def test_replace(option: str, values: list[str] | None, expected: list[str]) -> None:
    assert replace_option(ARGV, option, values) == expected


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--configfiles", ["a.yaml", "b.yaml"]),
        ("--flag", []),
        ("--missing", []),
        ("--cores", ["all"]),
    ],
)
def test_take(option: str, expected: list[str]) -> None:
    assert take_option(ARGV, option) == expected


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "with blank",
        "it's",
        'say "hi"',
        'it\'s "both"',
        "back\\slash",
        "a\nb",
        "配列",
        "$HOME",
    ],
)
def test_literals_are_split(value: str) -> None:
    text = f"--target-jobs {value!r} 'rule b:' --cores 2"
    assert split_literals(text) == ["--target-jobs", value, "rule b:", "--cores", "2"]


def test_config_is_handed_on_as_it_was_given() -> None:
    given = ['a=it\'s "both"', "b='quoted'", r"c=^\d+$", "d=x\ny", "e={'k': [1]}", "f="]
    settings = SimpleNamespace(config_args=given)
    factory = JobArgsFactory(SimpleNamespace(config_settings=settings))
    text = factory.workflow_property_to_arg("config_settings.config_args", flag="--config")
    assert shlex.split(text) == ["--config", *given]
