"""The arguments of the Snakemake inside a job."""

import pytest

from snakemake_executor_plugin_batchx.workflow.command import replace_option, take_option

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
