"""Params are compared where they are plain, known and stable, wherever the project lies."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.iocontainers import Params

from snakemake_executor_plugin_batchx.job.values import (
    SHOWN_CHARACTERS,
    describe_values,
    find_changed_value,
    show_value,
)

HERE = "/home/me/project"


def make_step(make_params: Any, command: str | None = None) -> SimpleNamespace:
    cache = SimpleNamespace(runtime_cache_path="/cache/runtime/tmp1", cache_path="/cache")
    rule = SimpleNamespace(
        expand_params=lambda *_: (make_params(), []),
        shellcmd=command,
        workflow=SimpleNamespace(sourcecache=cache),
    )
    return SimpleNamespace(rule=rule, wildcards_dict={}, input=[], output=[])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", '"a b"'),
        (3, "3"),
        (None, "null"),
        (["a", ("b", 1.5)], '["a", ["b", 1.5]]'),
        ({"b", "a"}, '["a", "b"]'),
        ({"k": Path("x/y")}, '{"k": "x/y"}'),
        ({2: True}, '{"2": true}'),
        (f"{HERE}/scripts/a.py", '"<project>/scripts/a.py"'),
        ([Path(HERE, "b")], '["<project>/b"]'),
        ("Zürich", '"Zürich"'),
        (object(), None),
        ([object()], None),
        ({"k": len}, None),
        (["x", "<TBD>"], None),
    ],
)
def test_values_as_text(value: Any, shown: str | None) -> None:
    assert show_value(value, HERE) == shown


def test_long_values_differ_beyond_what_is_shown() -> None:
    samples = [f"sample-{number}" for number in range(1000)]
    one, other = (show_value(list_, HERE) for list_ in (samples, samples[:-1]))
    assert one is not None
    assert one != other
    assert len(one) < SHOWN_CHARACTERS + 40


def test_names_and_positions() -> None:
    params = Params(fromdict={"samples": ["a", "b"], "cutoff": 3})
    assert describe_values(make_step(lambda: params), HERE) == {
        "Param samples": '["a", "b"]',
        "Param cutoff": "3",
    }
    assert describe_values(make_step(lambda: Params(["x"])), HERE) == {"Param number 1": '"x"'}


def test_sources_may_be_cached_anywhere() -> None:
    paths = [f"/cache/runtime/tmp1/file{HERE}/a.sh", "/cache/github/me/repo/b.sh"]
    shown = describe_values(make_step(lambda: Params(paths)), HERE)
    assert list(shown.values()) == [
        '"<source cache>/file<project>/a.sh"',
        '"<source cache>/github/me/repo/b.sh"',
    ]


def test_what_changes_from_call_to_call_is_left_out() -> None:
    counter = itertools.count()
    step = make_step(lambda: Params(fromdict={"now": next(counter), "same": 1}))
    assert describe_values(step, HERE) == {"Param same": "1"}


def test_what_cannot_be_made_here_is_left_out() -> None:
    def fail() -> Params:
        raise FileNotFoundError(".snakemake/storage/s3/bucket/x")

    assert describe_values(make_step(fail), HERE) == {}


def test_the_first_difference_is_told() -> None:
    expected = {"a": "1", "b": '["x", "y"]', "only head": "1"}
    assert find_changed_value({"a": "1", "b": '["x", "y"]', "only job": "2"}, expected) is None
    told = find_changed_value({"a": "1", "b": '["x"]'}, expected)
    assert told == 'b is not what your machine submitted: there ["x", "y"], here ["x"],'


def test_the_command_counts_as_it_was_written() -> None:
    step = make_step(Params, "tool --depth 10 {input} > {output}")
    assert describe_values(step, HERE) == {"The command": '"tool --depth 10 {input} > {output}"'}
