"""When the status of a run is told, and where."""

import re
from collections.abc import Callable

from snakemake_executor_plugin_batchx.terminal_line import TerminalLine

TERMINAL_SECONDS = 1.0

FIRST_SECONDS = 30.0
CHANGED_SECONDS = 60.0
SAME_SECONDS = 600.0
"""Without a terminal: after so long for the first time, and again if something changed or not."""

DURATION = re.compile(r"\d+ (s|min|h|d)\b")
"""As batch/wait_watch.py tells them."""


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
        self._told = ""

    def tell(self, make_text: Callable[[], str]) -> None:
        """Tell how things are, if it is time to; `make_text` returns "" where nothing goes on."""
        seconds = self._clock() - self._told_at
        if seconds < self._find_interval():
            return
        text = make_text()
        if self._line is None and seconds < SAME_SECONDS and not is_news(text, self._told):
            return
        self._told_at, self._told = self._clock(), text
        if self._line is not None:
            self._line.write(text)
        elif text:
            self._say(text)

    def close(self) -> None:
        """Take the line off the terminal."""
        if self._line is not None:
            self._line.clear()

    def _find_interval(self) -> float:
        if self._line is None:
            return CHANGED_SECONDS if self._told else FIRST_SECONDS
        # What was said meanwhile has taken it away.
        return TERMINAL_SECONDS if self._line.text else 0.0


def is_news(text: str, before: str) -> bool:
    """Tell whether a line says something new; that time has gone on is nothing new."""
    return DURATION.sub("", text) != DURATION.sub("", before)
