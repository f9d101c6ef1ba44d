"""A line at the bottom of a terminal that is written over again and again."""

import threading
from collections.abc import Callable
from typing import TextIO

CLEAR_LINE = "\r\x1b[K"


class TerminalLine:
    """One line of a terminal, cut to its width. Safe to use from many threads.

    `count_columns` tells how wide the terminal is. Where it has gone (a closed window), nothing is
    written any more: whoever tells something must not fail for it.
    """

    def __init__(self, stream: TextIO, count_columns: Callable[[], int]) -> None:
        self._stream = stream
        self._count_columns = count_columns
        self._lock = threading.Lock()
        self._text = ""
        self._is_gone = False

    @property
    def text(self) -> str:
        """What stands there now, "" where nothing does."""
        return self._text

    def write(self, text: str) -> None:
        """Write a text in the place of what is there."""
        with self._lock:
            self._put(text)

    def clear(self) -> None:
        """Leave the line to what comes next."""
        with self._lock:
            if self._text:
                self._put("")

    def _put(self, text: str) -> None:
        if self._is_gone:
            return
        self._text = text[: max(self._count_columns() - 1, 1)]
        try:
            self._stream.write(CLEAR_LINE + self._text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: somebody has closed the stream
            self._is_gone, self._text = True, ""
