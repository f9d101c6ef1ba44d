"""The journal: whole lines, at once on the disk, from any thread."""

import json
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION, Journal


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("is_intent", [False, True])
def test_a_line_can_be_read_before_the_journal_is_closed(tmp_path: Path, is_intent: bool) -> None:
    path = tmp_path / "deep" / "run.jsonl"
    with Journal(path, lambda: 1700000000.12345) as journal:
        journal.write("submitted", is_intent=is_intent, submission="000001", rules=("a", "b"))
        assert read_lines(path) == [
            {
                "v": SCHEMA_VERSION,
                "t": 1700000000.123,
                "event": "submitted",
                "submission": "000001",
                "rules": ["a", "b"],
            }
        ]


def test_the_clock_is_asked_for_every_line(tmp_path: Path) -> None:
    times = iter([1.0, 2.5])
    with Journal(tmp_path / "run.jsonl", lambda: next(times)) as journal:
        journal.write("run")
        journal.write("end")
    assert [line["t"] for line in read_lines(journal.path)] == [1.0, 2.5]


def test_what_is_noted_is_written_later_and_in_order(tmp_path: Path) -> None:
    times = iter([1.0, 2.0, 3.0, 4.0])
    with Journal(tmp_path / "run.jsonl", lambda: next(times)) as journal:
        journal.note("state")
        journal.note("verdict")
        assert read_lines(journal.path) == []
        journal.write("intent", is_intent=True)
        journal.note("reported")
        assert [line["event"] for line in read_lines(journal.path)] == [
            "state",
            "verdict",
            "intent",
        ]
        journal.write_noted()
        journal.write_noted()
        assert len(read_lines(journal.path)) == 4
    assert [line["t"] for line in read_lines(journal.path)] == [1.0, 2.0, 3.0, 4.0]


def test_what_is_noted_last_is_written_in_the_end(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.jsonl", lambda: 0.0) as journal:
        journal.note("reported")
    assert [line["event"] for line in read_lines(journal.path)] == ["reported"]


def test_a_journal_that_is_there_is_continued(tmp_path: Path) -> None:
    for event in ("run", "end"):
        with Journal(tmp_path / "run.jsonl", lambda: 0.0) as journal:
            journal.write(event)
    assert [line["event"] for line in read_lines(tmp_path / "run.jsonl")] == ["run", "end"]


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.jsonl", lambda: 0.0) as journal:

        def write(number: int) -> None:
            journal.write("state", number=number, text="line\nbreak ü " * 50)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(200)))
    assert sorted(line["number"] for line in read_lines(journal.path)) == list(range(200))


def test_a_line_torn_by_a_full_disk_spoils_none_after_it(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path / "run.jsonl", lambda: 0.0) as journal:
        journal.write("run")
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 9, limits[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                journal.write("intent", is_intent=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        journal.write("state")
    first, torn, last = journal.path.read_text(encoding="utf-8").splitlines()
    assert (json.loads(first)["event"], len(torn), json.loads(last)["event"]) == ("run", 9, "state")


def test_after_its_end_a_journal_takes_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.jsonl", lambda: 0.0) as journal:
        pass
    with pytest.raises(ValueError, match="closed"):
        journal.write("late")


def test_only_an_intent_must_reach_the_disk() -> None:
    # Every write to this device fails for want of space.
    with Journal(Path("/dev/full"), lambda: 0.0) as journal:
        journal.write("state", status="RUNNING")
        with pytest.raises(OSError, match="No space left"):
            journal.write("intent", is_intent=True)


def test_what_leads_up_to_an_intent_is_shipped_before_it_counts(tmp_path: Path) -> None:
    shipped: list[tuple[str, int, bytes]] = []
    path = tmp_path / "run.jsonl"
    with Journal(path, lambda: 1.0, lambda *piece: shipped.append(piece)) as journal:
        journal.write("run")
        assert shipped == []
        journal.write("intent", is_intent=True)
        first = path.read_bytes()
        journal.note("state")
        journal.write("submitted")
        journal.write("intent", is_intent=True)
        whole = path.read_bytes()
    assert shipped == [
        ("run.jsonl", 0, first),
        ("run.jsonl", len(first), whole[len(first) :]),
    ]


def test_an_intent_that_cannot_be_shipped_is_refused(tmp_path: Path) -> None:
    def refuse(_name: str, _offset: int, _lines: bytes) -> None:
        raise BatchxError("no way")

    with Journal(tmp_path / "run.jsonl", lambda: 1.0, refuse) as journal:
        journal.write("run")
        with pytest.raises(BatchxError, match="no way"):
            journal.write("intent", is_intent=True)
