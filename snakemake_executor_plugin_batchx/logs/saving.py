"""What jobs wrote to their output, saved on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from snakemake_executor_plugin_batchx.spec import TAIL_BYTES, Blob, Result

LOG_DIR = Path(".snakemake", "log", "batchx")
"""In the folder where Snakemake runs; a folder a run."""

GAP = "\n[batchx: {count:,} bytes are left out here]\n"
SEAM = "\n[batchx: its last output follows, the beginning of which may stand above as well]\n"

REPLACED = "\ufffd"
"""What stands in a tail for bytes that are no text, or that are part of a character cut in two."""


@dataclass(frozen=True)
class SavedLog:
    """Where a job's output is: `path` has all that is known of it.

    `shown` is text of a bounded size, for Snakemake prints the logs of failed jobs whole if it is
    asked to (--show-failed-logs). Without `is_whole` something is left out.
    """

    path: str
    shown: str
    is_whole: bool


class BlobReader(Protocol):
    """What is needed of a Transfer."""

    def fetch_blob(self, blob: Blob, path: Path) -> None:
        """Write a blob to a path."""


class LogKeeper:
    """Writes logs into a folder, which is made with the first. Safe to use from many threads."""

    def __init__(self, folder: Path, reader: BlobReader) -> None:
        self.folder = folder
        self._reader = reader

    def save_result(self, name: str, result: Result) -> SavedLog | None:
        """Save what a job left of its output; None where it wrote nothing.

        Raises StorageError where the beginning cannot be fetched, OSError where the disk refuses.
        """
        left_out = result.output_bytes - TAIL_BYTES
        if result.output is None:
            gap = GAP.format(count=left_out) if left_out > 0 else ""
            return self.save_text(name, gap.lstrip() + result.tail, is_whole=not gap)
        tail = self.save_text(f"{name}.tail", result.tail, is_whole=False)
        path = self._make_path(name)
        self._reader.fetch_blob(result.output, path)
        missing = result.output_bytes - result.output.size
        with path.open("ab") as file:
            file.write(make_rest(result.tail, missing))
        return SavedLog(str(path), tail.shown if tail else str(path), missing <= TAIL_BYTES)

    def save_text(self, name: str, text: str, *, is_whole: bool) -> SavedLog | None:
        """Save a text; None where it is empty. Raises OSError where the disk refuses."""
        if not text:
            return None
        path = self._make_path(name)
        path.write_text(text, encoding="utf-8")
        return SavedLog(str(path), str(path), is_whole)

    def _make_path(self, name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{name}.log"


def make_rest(tail: str, missing: int) -> bytes:
    """Return what is written after the beginning of an output that lacks `missing` bytes.

    A tail is of the output's last TAIL_BYTES. What follows the last character that was replaced is
    to the byte what the job wrote; where that is too little, the whole tail is written, for nobody
    can say how many bytes each such character stands for.
    """
    if missing > TAIL_BYTES:
        return (GAP.format(count=missing - TAIL_BYTES) + tail).encode()
    exact = tail.rpartition(REPLACED)[2].encode()
    if len(exact) >= missing:
        return exact[len(exact) - missing :]
    return (SEAM * (missing < TAIL_BYTES) + tail).encode()
