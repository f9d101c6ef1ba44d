"""What the child tells its parent about a failure, through a file: the first word counts."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SNAKEMAKE_LOGGER = "snakemake.logging"
ERROR_EVENT = "error"
"""LogEvent.ERROR of snakemake_interface_logger_plugins.common: exceptions, told to the user."""

PART_SUFFIX = ".part"

CLOSING_WORDS = ("At least one job did not complete successfully",)
"""What Snakemake adds when all is said."""


@dataclass(frozen=True)
class Note:
    """Why a job failed: its tool's exit code, and a text where it was not (only) the tool."""

    exit_code: int
    problem: str | None


def write_note(path: Path, note: Note) -> None:
    """Leave a note unless there is one: whole or not at all, for the disk may be full."""
    if path.exists():
        return
    part = path.with_name(path.name + PART_SUFFIX)
    part.write_text(json.dumps({"exit_code": note.exit_code, "problem": note.problem}))
    part.replace(path)


def read_note(path: Path) -> Note | None:
    """Return the note, None where there is none."""
    return Note(**json.loads(path.read_text())) if path.exists() else None


@contextmanager
def record_errors() -> Iterator[list[str]]:
    """Yield a list that fills with the errors that Snakemake logs, shown to the user or not.

    By a filter on its logger: its handlers are made anew when it starts.
    """
    errors: list[str] = []

    def note_error(record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        text = record.getMessage().strip()
        if str(getattr(event, "value", event)) == ERROR_EVENT and text:
            errors.append(text)
        return True

    logger = logging.getLogger(SNAKEMAKE_LOGGER)
    logger.addFilter(note_error)
    try:
        yield errors
    finally:
        logger.removeFilter(note_error)


def make_problem(errors: list[str]) -> str | None:
    """Join recorded errors into one text, without the closing words."""
    told = [e for e in errors if not any(words in e for words in CLOSING_WORDS)]
    return "\n".join(told) or None
