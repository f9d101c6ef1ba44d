"""What comes home of a detached run, and what is left as it is here."""

import hashlib
import os
from pathlib import Path
from typing import cast

import pytest
from detached_orders import make_order
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.detached.folder import encode_entries
from snakemake_executor_plugin_batchx.detached.homecoming import (
    Untouched,
    bring_home,
    plan_homecoming,
)
from snakemake_executor_plugin_batchx.detached.order import Place
from snakemake_executor_plugin_batchx.detached.record import begin_record, claim_record
from snakemake_executor_plugin_batchx.detached.state import State, pack_state
from snakemake_executor_plugin_batchx.spec import Blob, Entry
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root


def make_entry(path: str, text: str, mtime_ns: int = 1) -> Entry:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Entry(path, "file", 0o644, mtime_ns, Blob(sha256, 0, len(text), sha256))


SENT = make_entry("a", "sent")


@pytest.mark.parametrize(
    ("sent", "made", "here", "outcome"),
    [
        ((SENT,), (SENT,), "changed here", "nothing"),
        ((), (make_entry("a", "new"),), None, "placed"),
        ((), (make_entry("a", "new"),), "new", "placed"),
        ((), (make_entry("a", "new"),), "own", "kept"),
        ((SENT,), (make_entry("a", "made", 2),), "sent", "placed"),
        ((SENT,), (make_entry("a", "made", 2),), "own!", "kept"),
        ((SENT,), (make_entry("a", "made", 2),), "longer", "kept"),
        # Of the same content, but touched by the run: the time counts for Snakemake.
        ((SENT,), (make_entry("a", "sent", 2),), "sent", "placed"),
        ((), (Entry("a", "dir", 0o755, 1),), None, "placed"),
    ],
)
def test_nothing_is_lost_here(
    tmp_path: Path, sent: tuple[Entry, ...], made: tuple[Entry, ...], here: str | None, outcome: str
) -> None:
    if here is not None:
        (tmp_path / "a").write_text(here)
        if here == "sent":
            os.utime(tmp_path / "a", ns=(1, 1))
    planned = plan_homecoming(sent, made, Untouched(str(tmp_path)))
    assert bool(planned.placed) == (outcome == "placed")
    assert planned.kept == (("a",) if outcome == "kept" else ())


def test_jobs_that_were_submitted_after_the_last_state_are_known_at_home(tmp_path: Path) -> None:
    store, place = MemoryStore(), Place("root/.batchx/detached/run")
    store.write_bytes(place.folder_key, encode_entries(()))
    lines = b'{"event": "run"}\n', b'{"event": "intent"}\n'
    begin_record(store, place.record_prefix, pack_state(State((), {"r.jsonl": lines[0]}, {})))
    head = claim_record(store, place.record_prefix, 1)
    head.append_lines("r.jsonl", len(lines[0]), lines[1])
    gateway = cast(S3Gateway, store)
    bring_home(gateway, S3Root("memory", "root/.batchx"), make_order("run"), place, str(tmp_path))
    brought = tmp_path / ".snakemake" / "batchx" / "r.jsonl"
    assert brought.read_bytes() == b"".join(lines)


def test_records_of_what_was_made_here_meanwhile_stay(tmp_path: Path) -> None:
    own, incomplete = (tmp_path / ".snakemake" / each for each in ("metadata/own", "incomplete/a"))
    for path in (own, incomplete):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    store, place = MemoryStore(), Place("root/.batchx/detached/run")
    store.write_bytes(place.folder_key, encode_entries(()))
    begin_record(store, place.record_prefix, pack_state(State((), {}, {"metadata/a": b"{}"})))
    gateway = cast(S3Gateway, store)
    bring_home(gateway, S3Root("memory", "root/.batchx"), make_order("run"), place, str(tmp_path))
    assert own.exists()
    assert (own.parent / "a").read_text() == "{}"
    assert not incomplete.exists()
