"""The note from child to parent: the first word counts, and half a word is none."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_batchx.job.note import (
    CLOSING_WORDS,
    PART_SUFFIX,
    SNAKEMAKE_LOGGER,
    Note,
    make_problem,
    read_note,
    record_errors,
    write_note,
)


@pytest.mark.parametrize("note", [Note(3, None), Note(1, "Größe „falsch“\nzwei")])
def test_a_note_is_read_as_it_was_written(tmp_path: Path, note: Note) -> None:
    write_note(tmp_path / "note", note)
    assert read_note(tmp_path / "note") == note


def test_without_a_note_there_is_none(tmp_path: Path) -> None:
    assert read_note(tmp_path / "note") is None


def test_the_first_note_counts(tmp_path: Path) -> None:
    write_note(tmp_path / "note", Note(3, None))
    write_note(tmp_path / "note", Note(1, "Snakemake failed."))
    assert read_note(tmp_path / "note") == Note(3, None)


def test_a_note_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    # A file that the writing cannot go into stands for a full disk.
    path = tmp_path / "note"
    path.with_name(path.name + PART_SUFFIX).mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        write_note(path, Note(1, "too late"))
    assert read_note(path) is None


def log(level: int, text: str, event: object) -> None:
    logging.getLogger(SNAKEMAKE_LOGGER).log(level, text, extra={"event": event})


@pytest.mark.parametrize("event", ["error", SimpleNamespace(value="error")])
def test_errors_are_recorded_by_their_event(event: object) -> None:
    with record_errors() as errors:
        log(logging.ERROR, " It broke. \n", event)
        log(logging.ERROR, "", event)
        log(logging.ERROR, "job failed", "job_error")
        logging.getLogger(SNAKEMAKE_LOGGER).error("no event")
    log(logging.ERROR, "too late", event)
    assert errors == ["It broke."]


@pytest.mark.parametrize(
    ("errors", "problem"),
    [
        ([], None),
        (["one"], "one"),
        (["one", "two"], "one\ntwo"),
        ([f"Exiting. {CLOSING_WORDS[0]}. Log: x"], None),
        (["one", CLOSING_WORDS[0]], "one"),
    ],
)
def test_the_closing_words_are_no_problem(errors: list[str], problem: str | None) -> None:
    assert make_problem(errors) == problem
