"""When the status of a run is told, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.terminal_line import TerminalLine

TERMINAL_SECONDS = 1.0

FIRST_SECONDS = 30.0
CHANGED_SECONDS = 60.0
SAME_SECONDS = 600.0
"""Without a terminal: after so long for the first time, and again if something changed or not."""


@dataclass(frozen=True)
class Status:
    """How things are, "" where nothing goes on; and the same without how long they have been so.

    That time has gone on is nothing new: there is news where `lasting` changes.
    """

    text: str = ""
    lasting: str = ""

    def wrap(self, make_text: Callable[[str], str]) -> Status:
        """Return both as part of a longer text."""
        return Status(make_text(self.text), make_text(self.lasting))


class StatusTeller:
    """Shows a line on a terminal, or says it now and then where there is none.

    The clock (seconds, monotonic) is passed in. For one thread.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        say: Callable[[str], object],
        line: TerminalLine | None = None,
    ) -> None:
        self._clock = clock
        self._say = say
        self._line = line
        self._told_at = clock()
        self._told = Status()

    def tell(self, find_status: Callable[[], Status]) -> None:
        """Tell how things are, if it is time to."""
        seconds = self._clock() - self._told_at
        if seconds < self._find_interval():
            return
        status = find_status()
        is_news = status.lasting != self._told.lasting
        if self._line is None and seconds < SAME_SECONDS and not is_news:
            return
        self._told_at, self._told = self._clock(), status
        if self._line is not None:
            self._line.write(status.text)
        elif status.text:
            self._say(status.text)

    def close(self) -> None:
        """Take the line off the terminal."""
        if self._line is not None:
            self._line.clear()

    def _find_interval(self) -> float:
        if self._line is None:
            return CHANGED_SECONDS if self._told.text else FIRST_SECONDS
        # What was said meanwhile has taken it away.
        return TERMINAL_SECONDS if self._line.text else 0.0
