"""Params and commands are compared where they are plain, known and stable, wherever they are."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.iocontainers import Params

from snakemake_executor_plugin_batchx.job.places import (
    PROJECT,
    Mask,
    Places,
    list_head_places,
    make_job_places,
)
from snakemake_executor_plugin_batchx.job.values import (
    describe_value,
    describe_values,
    find_changed_value,
)

NAMED = {"/home/me/project": PROJECT, "/home/me": "<home>", "/tmp": "<temporary>"}
HEAD = Places(NAMED)
JOB = Places(
    {**NAMED, "/scratch": "<home>", "/scratch/tmp": "<temporary>"},
    {"/scratch/w/_/_/_": "/home/me/project"},
)


def make_step(
    make_params: Any, command: str | None = None, asked: Any = ("as written",), inputs: Any = ()
) -> SimpleNamespace:
    cache = SimpleNamespace(runtime_cache_path="/cache/runtime/tmp1", cache_path="/cache")
    rule = SimpleNamespace(
        params=list(asked),
        expand_params=lambda *_: (make_params(), []),
        shellcmd=command,
        workflow=SimpleNamespace(sourcecache=cache),
    )
    return SimpleNamespace(rule=rule, wildcards_dict={}, input=list(inputs), output=[])


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("/home/me/project/scripts/a.py", "/scratch/w/_/_/_/scripts/a.py"),
        # Written out in the Snakefile, it is the head's path in the job, too.
        ("/home/me/project/results", "/home/me/project/results"),
        ("-x /home/me/project:/data", "-x /scratch/w/_/_/_:/data"),
        ("/tmp", "/scratch/tmp"),
        (["/home/me/db"], ["/scratch/db"]),
        ({"b", "a"}, {"a", "b"}),
        (("a", 1), ["a", 1]),
        ({"k": Path("x/y"), "l": {2: True}}, {"l": {2: True}, "k": "x/y"}),
        (float("nan"), float("nan")),
        ("\ud800", "\ud800"),
    ],
)
def test_what_is_the_same_on_both_machines(there: Any, here: Any) -> None:
    told = describe_value(there, Mask(HEAD))
    assert told is not None
    assert told == describe_value(here, Mask(JOB))


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("a", "b"),
        (1, "1"),
        (["a", "b"], ["a"]),
        ("/home/me/project2/a", "/scratch/w/_/_/_2/b"),
        ("/home/me/projects", "/scratch/w/_/_/_s"),
        ("sub/home/me/project", "sub/scratch/w/_/_/_"),
        ([f"sample-{n}" for n in range(1000)], [f"sample-{n}" for n in range(999)]),
    ],
)
def test_what_differs(there: Any, here: Any) -> None:
    assert describe_value(there, Mask(HEAD)) != describe_value(here, Mask(JOB))


@pytest.mark.parametrize("value", [object(), [object()], {"k": len}, ["x", "<TBD>"]])
def test_what_cannot_be_compared(value: Any) -> None:
    assert describe_value(value, Mask(HEAD)) is None


def test_no_value_can_be_read_from_what_travels() -> None:
    secret = "correct-horse"
    told = describe_values(make_step(lambda: Params([secret]), f"login {secret}"), HEAD)
    assert list(told) == ["Param number 1", "The command"]
    assert told["Param number 1"].startswith("a text of 13 characters ")
    assert secret not in str(told)


def test_sources_may_be_cached_anywhere_and_objects_lie_elsewhere() -> None:
    def make(storage: str, cache: str) -> dict[str, str]:
        provider = SimpleNamespace(local_prefix=Path(storage))
        file = SimpleNamespace(is_storage=True, storage_object=SimpleNamespace(provider=provider))
        paths = [f"{storage}/bucket/a.txt", f"{cache}/github/me/repo/b.sh"]
        return describe_values(make_step(lambda: Params(paths), inputs=[file]), HEAD)

    assert make(".snakemake/storage/s3", "/cache") == make("/x/s3", "/cache")


def test_cached_copies_end_with_the_path_of_what_they_copy() -> None:
    def make(path: str, places: Places) -> dict[str, str]:
        return describe_values(make_step(lambda: Params([path])), places)

    there = make("/cache/runtime/tmp1/file/home/me/project/a.sh", HEAD)
    assert there == make("/cache/runtime/tmp1/file/scratch/w/_/_/_/a.sh", JOB)
    assert there != make("/cache/runtime/tmp1/file/scratch/w/_/_/_/b.sh", JOB)


def test_what_changes_from_call_to_call_is_left_out() -> None:
    counter = itertools.count()
    step = make_step(lambda: Params(fromdict={"now": next(counter), "same": 1}), asked=[len])
    assert list(describe_values(step, HEAD)) == ["Param same"]


def test_only_functions_are_asked_twice() -> None:
    counter = itertools.count()
    describe_values(make_step(lambda: Params([next(counter)]), asked=["plain"]), HEAD)
    assert next(counter) == 1


def test_what_cannot_be_made_here_is_left_out() -> None:
    def fail() -> Params:
        raise FileNotFoundError(".snakemake/storage/s3/bucket/x")

    assert describe_values(make_step(fail), HEAD) == {}


def test_the_first_difference_is_told_by_its_shape() -> None:
    expected = {"a": "x 1", "b": "a collection of 2 11", "only head": "x 1"}
    assert find_changed_value({**expected, "only job": "y 2"}, expected) is None
    told = find_changed_value({"a": "x 1", "b": "a collection of 1 22"}, expected)
    assert told == (
        "b is not what your machine submitted (there a collection of 2, here a collection of 1)."
    )
    told = find_changed_value({"a": "x 2"}, expected)
    assert told == "a is not what your machine submitted (both x)."


def test_places_are_this_machines_by_every_spelling(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    places = list_head_places(str(tmp_path / "link"))
    assert places[str(tmp_path / "link")] == PROJECT
    assert places[str((tmp_path / "real").resolve())] == PROJECT
    moved = make_job_places(places, "/home/me", str(tmp_path / "link")).moved
    assert moved[str((tmp_path / "real").resolve())] == "/home/me"


def test_sources_all_over_the_disk_have_the_root_in_common(tmp_path: Path) -> None:
    head = Places(list_head_places("/"))
    job = make_job_places(head.named, "/", str(tmp_path))
    there = describe_value("/data/x and a/b", Mask(head))
    assert there == describe_value(f"{tmp_path}/data/x and a/b", Mask(job))
