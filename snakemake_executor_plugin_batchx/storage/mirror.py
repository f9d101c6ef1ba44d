"""What the head knows to be in S3: path → blob, so that an unchanged file is not sent again."""

import contextlib
import os
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.spec import Blob

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blobs (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, root TEXT, run_id TEXT,
    key TEXT, offset INTEGER, sha256 TEXT, crc64 TEXT
) WITHOUT ROWID
"""

NOTES_AT_ONCE = 256
"""How many notes are written together; a head that is killed loses the last ones."""

Row = tuple[bytes, int, int, str, str, str, int, str, str]


@dataclass(frozen=True)
class KnownBlob:
    """A blob that a file of this path, size and time had in S3, noted by the run `run_id`."""

    blob: Blob
    run_id: str


def _open_table(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as stack:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        stack.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(_SCHEMA)
        stack.pop_all()
        return connection


class Mirror:
    """A table on disk, one row a path; losing it costs uploads, nothing else.

    `notes_at_once` are written together. Safe to use from many threads. To be closed: use it in a
    `with`.
    """

    def __init__(
        self, path: Path, root_url: str, run_id: str, notes_at_once: int = NOTES_AT_ONCE
    ) -> None:
        self._root_url = root_url
        self._run_id = run_id
        self._notes_at_once = notes_at_once
        self._lock = threading.Lock()
        self._noted: dict[bytes, Row] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = _open_table(path)
        except sqlite3.OperationalError:  # locked, or a file system without locks: do without
            self._connection = _open_table(Path(":memory:"))
        except sqlite3.DatabaseError:  # torn by a crash: begin anew
            path.unlink(missing_ok=True)
            self._connection = _open_table(path)

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the table."""
        with self._lock:
            self._write_notes()
            self._connection.close()

    def find_blob(self, path: str, size: int, mtime_ns: int) -> KnownBlob | None:
        """Return where a file is under this S3 root, if it has not changed since it was noted."""
        name = os.fsencode(path)
        with self._lock:
            row = self._noted.get(name) or self._find_row(name)
        if row is None or row[1:4] != (size, mtime_ns, self._root_url):
            return None
        _, _, _, _, run_id, key, offset, sha256, crc64 = row
        return KnownBlob(Blob(key, offset, size, sha256, crc64), run_id)

    def note_blob(self, path: str, mtime_ns: int, blob: Blob) -> None:
        """Note where a file is."""
        name, root, run_id = os.fsencode(path), self._root_url, self._run_id
        where = (blob.key, blob.offset, blob.sha256, blob.crc64)
        row = (name, blob.size, mtime_ns, root, run_id, *where)
        with self._lock:
            self._noted[name] = row
            if len(self._noted) >= self._notes_at_once:
                self._write_notes()

    def _find_row(self, name: bytes) -> Row | None:
        with contextlib.suppress(sqlite3.Error):  # not known, then
            found = self._connection.execute("SELECT * FROM blobs WHERE path = ?", (name,))
            row: Row | None = found.fetchone()
            return row
        return None

    def _write_notes(self) -> None:
        rows, self._noted = list(self._noted.values()), {}
        with contextlib.suppress(sqlite3.Error):  # costs uploads, no job
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            self._connection.execute("COMMIT")
