"""The beginning of a job's output on its disk, for whoever wants more than the end."""

from pathlib import Path

KEPT_BYTES = 64 * 1024 * 1024

PART_OF_DISK = 16
"""So small a part of what is free may go to it: the rest is the tool's (on a tmpfs its memory)."""


def choose_kept_bytes(free_bytes: int) -> int:
    """Return how much of an output is kept on a disk that has so much free."""
    return min(KEPT_BYTES, free_bytes // PART_OF_DISK)


class KeptOutput:
    """A file that takes up to `kept_bytes` of an output; `size` counts all of it.

    A disk that is full, or a folder that has gone, ends the keeping, not the job.
    """

    def __init__(self, path: Path, kept_bytes: int) -> None:
        self._room = kept_bytes
        self.size = 0
        try:
            self._file = path.open("wb", buffering=0)
        except OSError:
            self._room = 0

    def add(self, chunk: bytes) -> None:
        """Take what comes next."""
        self.size += len(chunk)
        if not self._room:
            return
        wanted = chunk[: self._room]
        try:
            written = self._file.write(wanted)
        except OSError:
            written = 0
        self._room -= len(wanted)
        if written < len(wanted):
            self._room = 0
        if not self._room:
            self._file.close()
