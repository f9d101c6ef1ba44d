"""Checkpoints: no state says of a job that it was reported without having its files."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.detached.keeper import Keeper
from snakemake_executor_plugin_batchx.detached.record import (
    begin_record,
    claim_record,
    read_history,
)
from snakemake_executor_plugin_batchx.detached.restoring import place_entries
from snakemake_executor_plugin_batchx.detached.state import (
    State,
    pack_state,
    place_records,
    unpack_state,
)
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

PREFIX = "root/.batchx/detached/run/record/"
ROOT = S3Root("memory", "root/.batchx")
LATER_NS = 2**62


class World:
    """A head's folder, and what it keeps; `now_ns` is what the head's clock shows."""

    def __init__(self, top: Path, stack: ExitStack) -> None:
        self.top = top
        self.now_ns = LATER_NS
        self.store = MemoryStore()
        begin_record(self.store, PREFIX, pack_state(State((), {}, {})))
        self.mirror = stack.enter_context(Mirror(top.parent / "mirror.sqlite", "s3://m", "run"))
        self.transfer = stack.enter_context(Transfer(self.store))
        stager = Stager(ROOT, self.mirror, self.transfer, str(top), "run")
        record = claim_record(self.store, PREFIX, 1)
        self.keeper = Keeper(record, stager, top, ".", lambda: self.now_ns)

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read_state(self) -> State:
        return unpack_state(read_history(self.store, PREFIX).state)

    def list_files(self) -> list[str]:
        return [each.path for each in self.read_state().entries if each.kind == "file"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    top = tmp_path / "top"
    top.mkdir()
    with ExitStack() as stack:
        yield World(top, stack)


def test_a_state_holds_files_journals_and_records(world: World, tmp_path: Path) -> None:
    world.write("out/a.txt", "a")
    world.write(".snakemake/batchx/r.jsonl", '{"event": "run"}\n')
    world.write(".snakemake/metadata/x", "{}")
    world.write(".snakemake/incomplete/y", "")
    world.write(".snakemake/locks/0.input.lock", "")
    world.write(".snakemake/log/s.log", "said")
    world.keeper.keep()
    state = world.read_state()
    assert world.list_files() == [".snakemake/log/s.log", "out/a.txt"]
    assert state.journals == {"r.jsonl": b'{"event": "run"}\n'}
    assert state.records == {"metadata/x": b"{}", "incomplete/y": b""}
    place_entries(str(tmp_path / "home"), state.entries, world.transfer, world.mirror)
    made = tmp_path / "home" / "out" / "a.txt"
    assert made.read_text() == "a"
    assert made.stat().st_mtime_ns == (world.top / "out" / "a.txt").stat().st_mtime_ns


def test_what_changes_after_the_look_waits_for_the_next_state(world: World) -> None:
    world.write("early.txt", "early")
    world.keeper.keep()
    world.now_ns = 0  # all that is there was changed later
    world.write("early.txt", "longer than before")
    world.write("late.txt", "late")
    world.keeper.keep()
    assert world.list_files() == ["early.txt"]
    sizes = [each.blob.size for each in world.read_state().entries if each.blob]
    assert sizes == [len("early")]
    world.keeper.keep(is_last=True)
    assert world.list_files() == ["early.txt", "late.txt"]


def test_what_is_in_s3_is_not_sent_again(world: World) -> None:
    world.write("a.txt", "a")
    world.keeper.keep()
    sent = {key for key in world.store.objects if "/data/" in key}
    world.store.calls.clear()
    world.write("b.txt", "b")
    world.keeper.keep()
    assert len({key for key in world.store.objects if "/data/" in key} - sent) == 1
    # The file, the new state, and the old one, which is emptied.
    assert world.store.calls["PutObject"] == 3


def test_only_what_was_journaled_or_logged_calls_for_a_state(world: World) -> None:
    world.write(".snakemake/batchx/r.jsonl", "{}\n")
    assert world.keeper.has_changed()
    world.keeper.keep()
    assert not world.keeper.has_changed()
    world.write(".snakemake/batchx/r.jsonl", "{}\n{}\n")
    assert world.keeper.has_changed()


def test_records_that_are_gone_go_here_too(tmp_path: Path) -> None:
    (tmp_path / "incomplete").mkdir()
    (tmp_path / "incomplete" / "old").write_text("")
    place_records(tmp_path, {"metadata/x": json.dumps({}).encode()})
    assert not (tmp_path / "incomplete" / "old").exists()
    assert (tmp_path / "metadata" / "x").read_text() == "{}"


def test_a_file_of_sqlite_that_comes_and_goes_calls_for_nothing(world: World) -> None:
    world.write(".snakemake/batchx/r.jsonl", "{}\n")
    world.keeper.keep()
    (world.top / ".snakemake/batchx/mirror.sqlite-wal").symlink_to("gone")
    (world.top / ".snakemake/log").mkdir()
    (world.top / ".snakemake/log/gone.log").symlink_to("gone")
    assert not world.keeper.has_changed()
