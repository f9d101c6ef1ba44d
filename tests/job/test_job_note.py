"""The note from child to parent: the first word counts, and half a word is none."""

import logging
import os
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_batchx.job.note import (
    CLOSING_WORDS,
    PROBLEM_CHARACTERS,
    SNAKEMAKE_LOGGER,
    Note,
    NotePage,
    make_problem,
    record_errors,
)


@pytest.mark.parametrize("note", [Note(3, None), Note(1, "Größe „falsch“\nzwei")])
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    page = NotePage()
    page.write(note)
    assert page.read() == note


def test_without_a_note_there_is_none() -> None:
    assert NotePage().read() is None


def test_the_first_note_counts() -> None:
    page = NotePage()
    page.write(Note(3, None))
    page.write(Note(1, "Snakemake failed."))
    assert page.read() == Note(3, None)


@pytest.mark.parametrize("character", ["x", "\n", "ü", "🧬"])
def test_a_long_problem_is_cut(character: str) -> None:
    page = NotePage()
    page.write(Note(1, character * 1_000_000))
    assert page.read() == Note(1, character * PROBLEM_CHARACTERS)


def test_a_child_leaves_a_note_to_its_parent() -> None:
    page = NotePage()
    child = os.fork()
    if child == 0:
        page.write(Note(7, "said by the child"))
        os._exit(0)
    os.waitpid(child, 0)
    assert page.read() == Note(7, "said by the child")


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
