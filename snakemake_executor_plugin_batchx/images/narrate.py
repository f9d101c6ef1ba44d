"""Telling of long copies in a bounded number of lines."""

import threading
from collections.abc import Callable

from snakemake_executor_plugin_batchx.errors import BatchxError

LONG_COPY_BYTES = 64 * 1024 * 1024
"""Of smaller copies only the end is told."""

QUARTERS = 4


class CopyStopped(BatchxError):  # noqa: N818 - what happened, not a failure
    """A copy was ended because its run was."""


class CopyProgress:
    """Counts the bytes of one image's copy; says at most five lines. Safe to use from many threads.

    `is_stopped` is asked with every piece; once it says yes the copy ends with CopyStopped.
    """

    def __init__(
        self, name: str, size: int, say: Callable[[str], object], is_stopped: Callable[[], bool]
    ) -> None:
        self._name = name
        self._size = size
        self._say = say
        self._is_stopped = is_stopped
        self._done = 0
        self._told = 0
        self._lock = threading.Lock()
        if size >= LONG_COPY_BYTES:
            say(f"preparing {name}: up to {format_bytes(size)} to copy")

    def add(self, count: int) -> None:
        """Take in bytes that are done; less than none if they have to be sent again."""
        if self._is_stopped():
            raise CopyStopped(f"Preparing {self._name} was ended.")
        with self._lock:
            self._done += count
            quarter = self._done * QUARTERS // max(1, self._size)
            is_news = self._size >= LONG_COPY_BYTES and self._told < quarter < QUARTERS
            if is_news:
                self._told = quarter
        if is_news:
            self._say(f"preparing {self._name}: {quarter * 100 // QUARTERS} %")


def format_bytes(count: int) -> str:
    """Return a size as people read it, in powers of ten as registries count."""
    if count >= 1_000_000_000:
        return f"{count / 1_000_000_000:.1f} GB"
    return f"{max(count, 100_000) / 1_000_000:.1f} MB" if count else "nothing"
