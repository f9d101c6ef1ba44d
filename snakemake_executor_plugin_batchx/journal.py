"""The run's journal: what was intended, submitted, seen and concluded, one JSON line each.

It outlives the head: whatever is in AWS because of this run stands here first, and the next run
reads it (recovery.py). Fields of every line: `v` (schema version), `t` (seconds since the epoch),
`event`, and the event's own. While its head lives, the file is locked.
"""

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 2

STATE_DIR = Path(".snakemake", "batchx")
"""In the folder where Snakemake runs."""

Ship = Callable[[str, int, bytes], object]
"""Takes what a journal (its file's name) got at an offset; raises BatchxError where it cannot."""


class Journal:
    """Appends to `.snakemake/batchx/<run>.jsonl`. Safe to use from many threads.

    With `ship`, what stands there goes to another place, too, in order, up to each intent before
    it counts as written. To be closed: use it in a `with`.
    """

    def __init__(self, path: Path, clock: Callable[[], float], ship: Ship | None = None) -> None:
        self.path = path
        self._clock = clock
        self._ship = ship
        self._shipped = path.stat().st_size if path.exists() else 0
        self._lock = threading.Lock()
        self._is_torn = False
        self._noted: list[bytes] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what could not be written must not be tried again at the end.
        self._file = path.open("ab", buffering=0)
        with contextlib.suppress(OSError):  # a file system without locks: nobody can tell, then
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.write_noted()
        with self._lock:
            self._file.close()

    def note(self, event: str, **fields: Any) -> None:
        """Append an event that may come to the file a little later, with `write_noted`.

        One that a killed head took with it costs the next run a question, no work.
        """
        line = self._make_line(event, fields)
        with self._lock:
            self._noted.append(line)

    def write_noted(self) -> None:
        """Write what was noted; to be called now and then."""
        with self._lock, contextlib.suppress(OSError):
            self._write_lines()

    def write(self, event: str, *, is_intent: bool = False, **fields: Any) -> None:
        """Append an event, and what was noted before it.

        An intent is on the disk, and shipped, before this returns, or OSError or BatchxError says
        that it is not. Any other event is history: where it cannot be written, the job it tells of
        must not suffer.
        """
        line = self._make_line(event, fields)
        try:
            with self._lock:
                self._noted.append(line)
                self._write_lines()
                if is_intent:
                    os.fsync(self._file.fileno())
                    self._ship_lines()
        except OSError:
            if is_intent:
                raise

    def _make_line(self, event: str, fields: dict[str, Any]) -> bytes:
        head = {"v": SCHEMA_VERSION, "t": round(self._clock(), 3), "event": event}
        return json.dumps(head | fields).encode() + b"\n"

    def _ship_lines(self) -> None:
        if self._ship is None:
            return
        with self.path.open("rb") as file:
            file.seek(self._shipped)
            lines = file.read()
        self._ship(self.path.name, self._shipped, lines)
        self._shipped += len(lines)

    def _write_lines(self) -> None:
        """Write all lines whole; after one that was torn, as on a full disk, on new lines."""
        lines, self._noted = b"".join(self._noted), []
        if not lines:
            return
        rest = memoryview(b"\n" + lines if self._is_torn else lines)
        self._is_torn = True
        while rest:
            rest = rest[self._file.write(rest) :]
        self._is_torn = False
