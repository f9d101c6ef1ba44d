"""What the child tells its parent about a failure, in memory: the first word counts."""

import json
import logging
import mmap
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SNAKEMAKE_LOGGER = "snakemake.logging"
ERROR_EVENT = "error"
"""LogEvent.ERROR of snakemake_interface_logger_plugins.common: exceptions, told to the user."""

PAGE_BYTES = 256 * 1024
PROBLEM_CHARACTERS = 20_000
"""In JSON a character takes twelve bytes at most."""

LENGTH = struct.Struct("=I")

CLOSING_WORDS = ("At least one job did not complete successfully",)
"""What Snakemake adds when all is said."""


@dataclass(frozen=True)
class Note:
    """Why a job failed: its tool's exit code, and a text where it was not (only) the tool.

    `rule` is the one whose tool it was, as far as that is known.
    """

    exit_code: int
    problem: str | None
    rule: str = ""


class NotePage:
    """Memory that a child shares with its parent, for a note: a full disk takes no word from it.

    To be made before the fork. Safe to use from many threads of the child.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, PAGE_BYTES)
        self._lock = threading.Lock()

    def write(self, note: Note) -> None:
        """Leave a note unless there is one."""
        problem = note.problem[:PROBLEM_CHARACTERS] if note.problem else None
        content = {"exit_code": note.exit_code, "problem": problem, "rule": note.rule}
        data = json.dumps(content).encode()
        with self._lock:
            if self.read() is None:
                self._page[LENGTH.size : LENGTH.size + len(data)] = data
                # Last: until then there is none.
                self._page[: LENGTH.size] = LENGTH.pack(len(data))

    def read(self) -> Note | None:
        """Return the note, None where there is none."""
        (length,) = LENGTH.unpack(self._page[: LENGTH.size])
        data = self._page[LENGTH.size : LENGTH.size + length]
        return Note(**json.loads(data)) if length else None


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
