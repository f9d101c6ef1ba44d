"""Whose jobs a sweep may end."""

from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.sweeping import (
    RunHere,
    list_queues,
    list_runs,
    plan_sweep,
)

ENDED = RunHere("ended", has_ended=True, is_head_alive=False)
KILLED = RunHere("killed", has_ended=False, is_head_alive=False)
ALIVE = RunHere("alive", has_ended=False, is_head_alive=True)


def test_journals_tell_whose_head_is_gone(tmp_path: Path) -> None:
    for name, events in (("a", ["run", "end"]), ("b", ["run"])):
        with Journal(tmp_path / f"{name}.jsonl", lambda: 0.0) as journal:
            for event in events:
                journal.write(event)
    with Journal(tmp_path / "c.jsonl", lambda: 0.0) as journal:
        journal.write("run")
        assert list_runs(tmp_path) == [
            RunHere("a", has_ended=True, is_head_alive=False),
            RunHere("b", has_ended=False, is_head_alive=False),
            RunHere("c", has_ended=False, is_head_alive=True),
        ]
    assert not list_runs(tmp_path)[-1].is_head_alive
    assert list_runs(tmp_path / "nowhere") == []


def test_journals_tell_to_which_queues_jobs_went(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl", lambda: 0.0) as journal:
        journal.write("run", queue="usual")
        journal.write("intent", queue="usual")
        journal.write("intent", queue="high-memory")
        journal.write("fallback", submission="1", queue="on-demand")
        journal.write("submitted")
    with Journal(tmp_path / "b.jsonl", lambda: 0.0) as journal:
        journal.write("run", queue="other")
        journal.write("adopted", queue="")
    assert list_queues(tmp_path, ["a"]) == ["usual", "high-memory", "on-demand"]
    assert list_queues(tmp_path, ["b", "a"]) == ["other", "usual", "high-memory", "on-demand"]
    assert list_queues(tmp_path, ["of another folder"]) == []


@pytest.mark.parametrize(
    ("here", "wanted", "is_forced", "runs", "refusals"),
    [
        ([], [], False, (), 0),
        ([ENDED, KILLED], [], False, ("killed",), 0),
        ([ENDED, KILLED], ["ended", "foreign"], False, ("ended", "foreign"), 0),
        ([KILLED, ALIVE], [], False, (), 1),
        ([KILLED, ALIVE], [], True, ("killed",), 0),
        ([KILLED, ALIVE], ["alive"], False, (), 1),
        ([KILLED, ALIVE], ["alive"], True, ("alive",), 0),
        ([KILLED, ALIVE], ["alive", "foreign"], False, ("foreign",), 1),
        ([ENDED, ALIVE], [], False, (), 0),
    ],
)
def test_plan(
    here: list[RunHere],
    wanted: list[str],
    is_forced: bool,
    runs: tuple[str, ...],
    refusals: int,
) -> None:
    plan = plan_sweep(here, wanted, is_forced=is_forced)
    assert plan.runs == runs
    assert len(plan.refusals) == refusals
    assert all("--force" in refusal for refusal in plan.refusals)
