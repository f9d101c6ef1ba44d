"""The order of a detached run, and what is made of Snakemake's arguments."""

import json

import pytest

from snakemake_executor_plugin_batchx.detached.order import (
    Order,
    add_options,
    choose_run,
    make_retry_strategy,
    name_head_folder,
    read_order,
    rebase_arguments,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.retry import is_retried
from snakemake_executor_plugin_batchx.spec import Blob, encode

ORDER = Order(
    version=1,
    detached_id="20260101T000000-abcdef",
    created=1.0,
    who="me",
    batchx="1",
    region="eu-west-1",
    arguments=("-j", "1"),
    top="/home/me/work",
    start_dir=".",
    work_dir=".",
    code=Blob("k", 0, 1, "s"),
    head_folder="h",
    profiles={"p/config.yaml": "jobs: 1"},
    secret_names=("A",),
)


def test_an_order_travels_whole() -> None:
    assert read_order(json.loads(json.dumps(encode(ORDER)))) == ORDER


def test_an_order_of_another_version_is_refused() -> None:
    with pytest.raises(BatchxError, match="which writes otherwise"):
        read_order({**encode(ORDER), "version": 99})


@pytest.mark.parametrize(
    ("given", "rebased"),
    [
        ("/home/me/work/Snakefile", "/tmp/x/Snakefile"),
        ("--snakefile=/home/me/work/Snakefile", "--snakefile=/tmp/x/Snakefile"),
        ("/home/me/work", "/tmp/x"),
        ("/home/me/workshop/a", "/home/me/workshop/a"),
        ("a=b=/home/me/work/c", "a=b=/tmp/x/c"),
        ("out/a.txt", "out/a.txt"),
    ],
)
def test_paths_follow_the_folder(given: str, rebased: str) -> None:
    assert rebase_arguments([given], {"/home/me/work": "/tmp/x"}) == [rebased]


def test_options_come_before_the_targets_that_follow_dashes() -> None:
    assert add_options(["-j", "1", "--", "a"], ["--x"]) == ["-j", "1", "--x", "--", "a"]
    assert add_options(["-j", "1"], ["--x"]) == ["-j", "1", "--x"]


@pytest.mark.parametrize(
    ("exit_code", "reason", "status_reason", "is_started_again"),
    [
        (1, None, "Essential container in task exited", False),
        (2, None, "Essential container in task exited", False),
        (113, None, "Essential container in task exited", False),
        (137, None, "Essential container in task exited", True),
        (137, "OutOfMemoryError: Container killed due to memory usage", None, False),
        (None, None, "Host EC2 (instance i-1) terminated.", True),
        (None, None, "Your Spot Task was interrupted.", True),
        (None, "CannotPullContainerError: timeout", None, True),
        (None, "DockerTimeoutError: Could not transition", None, True),
        (None, "CannotStartContainerError: no such mount", None, False),
    ],
)
def test_what_starts_a_head_again(
    exit_code: int | None, reason: str | None, status_reason: str | None, is_started_again: bool
) -> None:
    strategy = make_retry_strategy()
    assert len(strategy["evaluateOnExit"]) <= 5  # type: ignore[arg-type]
    told = {"exit_code": exit_code, "reason": reason, "status_reason": status_reason}
    assert is_retried(strategy, 1, **told) is is_started_again  # type: ignore[arg-type]


IDS = ["20260101T000000-aaaaaa", "20260102T000000-bbbbbb", "20260102T000000-cccccc"]


@pytest.mark.parametrize(("wanted", "chosen"), [(IDS[1], IDS[1]), ("20260101", IDS[0])])
def test_runs_are_named_by_their_beginning(wanted: str, chosen: str) -> None:
    assert choose_run(IDS, wanted) == chosen


@pytest.mark.parametrize(
    ("ids", "wanted", "told"),
    [
        (IDS, "20260102", "Several detached runs begin with 20260102"),
        (IDS, "2025", "No detached run begins with 2025"),
    ],
)
def test_what_names_no_run_is_refused(ids: list[str], wanted: str, told: str) -> None:
    with pytest.raises(BatchxError, match=told):
        choose_run(ids, wanted)


def test_the_next_head_of_a_folder_works_where_the_last_one_did() -> None:
    name = name_head_folder("/home/me/work", ".", ".")
    assert name == name_head_folder("/home/me/work", ".", ".")
    assert name != name_head_folder("/home/me/work", ".", "other")
    assert name != name_head_folder("/home/me/play", ".", ".")
