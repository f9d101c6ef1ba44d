"""What folders remember of detached runs, and what keeps one from beginning there."""

from dataclasses import replace
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.detached.living import refuse_living
from snakemake_executor_plugin_batchx.detached.notes import RunNote, read_notes, write_note
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import STATE_DIR, Journal


def test_a_run_with_a_directory_is_known_where_it_was_started(tmp_path: Path) -> None:
    start, work_dir = tmp_path / "flow", tmp_path / "flow" / "out"
    start.mkdir()
    note = RunNote(
        "1", "s3://b/r", "eu-west-1", None, str(start), folders=(str(start), str(work_dir))
    )
    write_note(note, work_dir)
    (started,) = read_notes(start)
    assert started == note
    assert not started.works_in(start)
    write_note(replace(started, is_home=True), start)
    (working,) = read_notes(work_dir)
    assert working.is_home
    assert working.works_in(work_dir)


def test_nothing_is_made_where_a_folder_was(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    note = RunNote("1", "s3://b/r", "eu-west-1", None, str(gone), folders=(str(gone),))
    write_note(note, tmp_path)
    assert not gone.exists()
    assert note.works_in(tmp_path)


def test_a_folder_with_a_living_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / STATE_DIR / "r.jsonl"
    with (
        Journal(path, lambda: 0.0),
        pytest.raises(BatchxError, match="A run goes on in"),
    ):
        refuse_living(tmp_path)
    refuse_living(tmp_path)


def test_a_folder_that_a_snakemake_has_locked_is_refused(tmp_path: Path) -> None:
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    refuse_living(tmp_path)
    (locks / "0.input.lock").write_text("a.txt\n")
    with pytest.raises(BatchxError, match="snakemake --unlock"):
        refuse_living(tmp_path)
