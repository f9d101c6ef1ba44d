"""Endings: in the journal, told to Snakemake once, and owed until it has recorded them."""

import json
from pathlib import Path
from typing import Any

import pytest
from head_world import DESCRIPTION
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.concluding import Concluder, Ending
from snakemake_executor_plugin_batchx.inflight import InFlight, TrackedJob
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs


class World:
    """One job in flight, and a journal."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run.jsonl"
        self.journal = Journal(self.path, lambda: 0.0)
        self.inflight = InFlight()
        specs = KeptSpecs(MemoryStore(), has_secrets=False)
        self.concluder = Concluder(self.inflight, self.journal, specs)
        self.job = TrackedJob("000001", DESCRIPTION, "job-1")
        self.inflight.add(self.job)
        self.concluder.owe("000001")

    def read(self) -> list[dict[str, Any]]:
        self.journal.write_noted()
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def test_a_failure_is_told_with_its_logs_and_owed_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    ending = Ending("tool", "It failed.\nmore", "it failed", log="a.log", shown=("a.tail.log",))
    world.concluder.conclude(world.job, ending)
    outcome = world.inflight.take_outcomes()["000001"]
    assert (outcome.message, outcome.logs) == ("It failed.\nmore", ("a.tail.log",))
    (verdict,) = world.read()
    assert (verdict["kind"], verdict["sentence"], verdict["log"]) == ("tool", "it failed", "a.log")
    assert not world.concluder.has_unreported


def test_a_success_is_owed_until_snakemake_has_recorded_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.concluder.conclude(world.job, Ending("success"))
    assert world.concluder.has_unreported
    world.concluder.note_reported("000001")
    assert not world.concluder.has_unreported
    assert [each["event"] for each in world.read()] == ["verdict", "reported"]


@pytest.mark.parametrize(("kind", "written"), [("batchx", 0), ("bug", 0), ("tool", 1)])
def test_a_head_that_is_stopped_writes_no_failures_of_its_own(
    tmp_path: Path, kind: str, written: int
) -> None:
    """The next run shall take such a job up."""
    world = World(tmp_path)
    world.inflight.cancel()
    world.concluder.conclude(world.job, Ending(kind, "It failed."))
    assert len(world.read()) == written
    assert world.concluder.has_unreported is not bool(written)


def test_what_snakemake_rejects_while_a_run_is_stopped_is_taken_up_later(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inflight.cancel()
    world.concluder.note_rejected("000001")
    assert world.concluder.has_unreported
    assert world.read() == []
