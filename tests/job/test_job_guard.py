"""The guard: what differs from what the head saw is refused in words that name it."""

import dataclasses
import itertools
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.job.executor import (
    SHOWN_NAMES,
    find_difference,
    find_exit_code,
    list_missing_outputs,
)
from snakemake_executor_plugin_batchx.spec import ExpectedStep

STEP = ExpectedStep(
    rule="map",
    wildcards={"sample": "A", "unit": "1"},
    input=("a.fq", "b.fq"),
    output=("a.bam",),
    log=("a.log",),
    benchmark="a.tsv",
)
OTHER = dataclasses.replace(STEP, wildcards={"sample": "B", "unit": "1"}, output=("b.bam",))


@pytest.mark.parametrize(
    "seen",
    [
        STEP,
        OTHER,
        dataclasses.replace(STEP, input=("b.fq", "a.fq")),
        dataclasses.replace(STEP, input=("a.fq", "b.fq", "a.fq")),
        dataclasses.replace(STEP, wildcards={"unit": "1", "sample": "A"}),
    ],
)
def test_what_the_head_submitted_may_run(seen: ExpectedStep) -> None:
    assert find_difference(seen, [OTHER, STEP]) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input": ("a.fq",)}, "The input of rule map (sample=A, unit=1)"),
        ({"input": ("a.fq",)}, "only there b.fq, only here nothing"),
        ({"input": ("a.fq", "b.fq", "c.fq")}, "only there nothing, only here c.fq"),
        ({"output": ("x.bam",)}, "The output of rule map"),
        ({"log": ()}, "The log of rule map"),
        ({"benchmark": None}, "only there a.tsv, only here nothing"),
        ({"benchmark": "b.tsv"}, "The benchmark of rule map"),
    ],
)
def test_a_difference_is_named(changes: dict[str, Any], words: str) -> None:
    difference = find_difference(dataclasses.replace(STEP, **changes), [OTHER, STEP])
    assert difference is not None
    assert words in difference
    assert "while it is parsed" in difference


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rule": "sort"}, "rule sort (sample=A, unit=1)"),
        ({"wildcards": {"sample": "C"}}, "rule map (sample=C)"),
        ({"wildcards": {}}, "rule map"),
    ],
)
def test_a_step_that_was_not_submitted_is_named(changes: dict[str, Any], what: str) -> None:
    difference = find_difference(dataclasses.replace(STEP, **changes), [OTHER, STEP])
    assert difference == f"This job wants to run {what}, which your machine did not submit with it."


def test_of_many_names_some_are_shown() -> None:
    many = tuple(f"{n:03d}.fq" for n in range(1000))
    difference = find_difference(dataclasses.replace(STEP, input=many), [STEP])
    assert difference is not None
    assert f"000.fq, 001.fq, 002.fq, 003.fq, 004.fq and {1000 - SHOWN_NAMES} more" in difference
    few = find_difference(dataclasses.replace(STEP, input=many[:SHOWN_NAMES]), [STEP])
    assert few is not None
    assert "more" not in few


def make_error(*causes: BaseException) -> BaseException:
    """Return the first error, raised from the second, and so on."""
    for error, cause in itertools.pairwise(causes):
        error.__cause__ = cause
    return causes[0]


def make_loop() -> BaseException:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__context__, other.__context__ = other, one
    return one


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (subprocess.CalledProcessError(3, "tool"), 3),
        (subprocess.CalledProcessError(-9, "tool"), 137),
        (make_error(RuntimeError(), subprocess.CalledProcessError(7, "tool")), 7),
        (make_error(RuntimeError(), ValueError(), subprocess.CalledProcessError(7, "t")), 7),
        (RuntimeError("no program"), None),
        (make_loop(), None),
    ],
)
def test_the_tools_exit_code_is_found(error: BaseException, code: int | None) -> None:
    assert find_exit_code(error) == code


def test_the_exit_code_is_found_in_the_context_too() -> None:
    error = RuntimeError("while handling another")
    error.__context__ = subprocess.CalledProcessError(5, "tool")
    assert find_exit_code(error) == 5


class OutputFile(str):
    """A path as Snakemake's jobs have it."""

    __slots__ = ("flags", "is_storage")
    flags: dict[str, bool]
    is_storage: bool

    def __new__(cls, path: str, *flags: str, is_storage: bool = False) -> "OutputFile":
        file = super().__new__(cls, path)
        file.flags = dict.fromkeys(flags, True)
        file.is_storage = is_storage
        return file


def make_step(folder: Path, *, is_shadow: bool = False) -> SimpleNamespace:
    output = [
        OutputFile(str(folder / "made")),
        OutputFile(str(folder / "dangling")),
        OutputFile(str(folder / "missing"), "temp"),
        OutputFile(str(folder / "touched"), "touch"),
        OutputFile(str(folder / "piped"), "pipe"),
        OutputFile("s3://bucket/stored", is_storage=True),
    ]
    return SimpleNamespace(output=output, is_shadow=is_shadow)


def test_outputs_that_a_rule_owed_are_listed(tmp_path: Path) -> None:
    (tmp_path / "made").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    assert list_missing_outputs(make_step(tmp_path)) == [str(tmp_path / "missing")]
    assert list_missing_outputs(make_step(tmp_path, is_shadow=True)) == []


def test_a_changed_value_is_named() -> None:
    head = dataclasses.replace(STEP, values={"Param samples": "x 1", "The command": "y 1"})
    here = dataclasses.replace(STEP, values={"Param samples": "x 2", "The command": "y 1"})
    assert find_difference(head, [head]) is None
    difference = find_difference(here, [head])
    assert difference is not None
    assert difference.startswith(
        "In rule map (sample=A, unit=1): Param samples is not what your machine submitted"
    )


def test_the_input_of_an_open_step_is_not_compared() -> None:
    waiting = dataclasses.replace(STEP, input=("parts",), is_open=True)
    assert find_difference(STEP, [waiting]) is None
    moved = dataclasses.replace(STEP, output=("b.bam",))
    assert find_difference(moved, [waiting]) is not None
