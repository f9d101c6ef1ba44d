"""How far a sync is: a line that is written over on a terminal, else a line now and then."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.sync.plan import Direction
from snakemake_executor_plugin_batchx.storage.words import count_files, format_size
from snakemake_executor_plugin_batchx.terminal_line import TerminalLine

TERMINAL_SECONDS = 0.25
LOG_SECONDS = 30.0

RATE_SECONDS = 10.0
"""The rate shown is that of the last seconds: of all since the beginning, it would lag."""


class Progress:
    """Counts files and bytes, and shows them unless it `is_quiet`. Safe to use from many threads.

    `clock` tells seconds, `count_columns` how wide the terminal is.
    """

    def __init__(
        self,
        direction: Direction,
        stream: TextIO,
        clock: Callable[[], float],
        count_columns: Callable[[], int],
        *,
        is_quiet: bool = False,
    ) -> None:
        self._direction = direction
        self._stream = stream
        self._clock = clock
        self._is_quiet = is_quiet
        self._line = TerminalLine(stream, count_columns) if stream.isatty() else None
        self._lock = threading.Lock()
        self._started = self._shown = clock()
        self._samples: deque[tuple[float, int]] = deque([(self._started, 0)])
        self._is_planned = False
        self.files = 0
        self.bytes = 0
        self.unchanged = 0
        self.planned_files = 0
        self.planned_bytes = 0

    def begin_plan(self) -> None:
        """Count what is planned from here on, beside what is done."""
        with self._lock:
            self.planned_files, self.planned_bytes, self.unchanged = self.files, self.bytes, 0

    def plan_move(self, item: Item) -> None:
        """Count an item that is to be moved; folders do not count."""
        with self._lock:
            self.planned_files += not item.is_folder
            self.planned_bytes += item.size
            self._show()

    def skip_item(self, item: Item) -> None:
        """Count an item that stays; likewise."""
        with self._lock:
            self.unchanged += not item.is_folder
            self._show()

    def end_plan(self) -> None:
        """Know the totals."""
        with self._lock:
            self._is_planned = True

    def add_bytes(self, count: int) -> None:
        """Count bytes that have moved."""
        with self._lock:
            self.bytes += count
            self._show()

    def add_file(self) -> None:
        """Count a file that is there."""
        with self._lock:
            self.files += 1
            self._show()

    def close(self) -> None:
        """Leave the line to what comes next."""
        with self._lock:
            if self._line is not None:
                self._line.clear()
            self._is_quiet = True

    def summarize(self) -> str:
        """Return what has been done as one line."""
        seconds = self._clock() - self._started
        done = self._direction.value[1]
        rate = format_size(self.bytes / seconds) if seconds else format_size(self.bytes)
        return (
            f"{count_files(self.files)}, {format_size(self.bytes)} {done} in {seconds:.1f} s "
            f"({rate}/s), {self.unchanged:,} unchanged"
        )

    def summarize_plan(self) -> str:
        """Return what would be done as one line."""
        verb = self._direction.value[0]
        return (
            f"would {verb} {count_files(self.planned_files)}, {format_size(self.planned_bytes)}; "
            f"{self.unchanged:,} unchanged"
        )

    def _show(self) -> None:
        now = self._clock()
        interval = LOG_SECONDS if self._line is None else TERMINAL_SECONDS
        if self._is_quiet or now - self._shown < interval:
            return
        self._shown = now
        self._samples.append((now, self.bytes))
        while len(self._samples) > 2 and now - self._samples[1][0] >= RATE_SECONDS:
            self._samples.popleft()
        text = self._describe(now)
        if self._line is not None:
            self._line.write(text)
        else:
            self._stream.write(f"batchx: {text}\n")
            self._stream.flush()

    def _describe(self, now: float) -> str:
        known = "" if self._is_planned else "at least "
        (then, before), seconds = self._samples[0], now - self._samples[0][0]
        rate = (self.bytes - before) / seconds if seconds > 0 and then < now else 0.0
        parts = [
            f"{self.files:,} of {known}{count_files(self.planned_files)}",
            f"{format_size(self.bytes)} of {known}{format_size(self.planned_bytes)}",
            f"{format_size(rate)}/s",
        ]
        rest = self.planned_bytes - self.bytes
        if rate and rest > 0:
            parts.append(f"{known}{format_duration(rest / rate)} left")
        if self.unchanged:
            parts.append(f"{self.unchanged:,} unchanged")
        return ", ".join(parts)


def format_duration(seconds: float) -> str:
    """Return a duration as minutes:seconds or hours:minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
