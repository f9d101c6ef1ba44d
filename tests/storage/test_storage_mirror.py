"""What the head remembers to be in S3."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.mirror import NOTES_AT_ONCE, KnownBlob, Mirror

ROOT = "s3://bucket/.batchx"
BLOB = Blob("data/ab", 10, 100, "ab", "crc")
BYTES_NAME = os.fsdecode(b"/data/caf\xe9.txt")


@pytest.mark.parametrize("path", ["/data/a.txt", "/data/größe 1.txt", BYTES_NAME])
def test_what_is_noted_is_found_in_the_next_run(tmp_path: Path, path: str) -> None:
    table = tmp_path / "state" / "mirror.sqlite"
    with Mirror(table, ROOT, "run1") as mirror:
        mirror.note_blob(path, 123, BLOB)
    with Mirror(table, ROOT, "run2") as mirror:
        assert mirror.find_blob(path, BLOB.size, 123) == KnownBlob(BLOB, "run1")


@pytest.mark.parametrize(
    ("path", "size", "mtime_ns", "root"),
    [
        ("/b", 100, 123, ROOT),
        ("/a", 101, 123, ROOT),
        ("/a", 100, 124, ROOT),
        ("/a", 100, 123, "s3://other/.batchx"),
    ],
)
def test_a_file_that_changed_or_is_elsewhere_is_not_known(
    tmp_path: Path, path: str, size: int, mtime_ns: int, root: str
) -> None:
    table = tmp_path / "mirror.sqlite"
    with Mirror(table, ROOT, "run1") as mirror:
        mirror.note_blob("/a", 123, BLOB)
    with Mirror(table, root, "run1") as mirror:
        assert mirror.find_blob(path, size, mtime_ns) is None


def test_the_latest_note_counts(tmp_path: Path) -> None:
    with Mirror(tmp_path / "mirror.sqlite", ROOT, "run1") as mirror:
        mirror.note_blob("/a", 123, BLOB)
        newer = Blob("data/cd", 0, 100, "cd")
        mirror.note_blob("/a", 123, newer)
        assert mirror.find_blob("/a", 100, 123) == KnownBlob(newer, "run1")


def test_many_threads_may_use_it(tmp_path: Path) -> None:
    with Mirror(tmp_path / "mirror.sqlite", ROOT, "run1") as mirror:

        def note_and_find(number: int) -> bool:
            mirror.note_blob(f"/{number}", number, BLOB)
            return mirror.find_blob(f"/{number}", BLOB.size, number) is not None

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(note_and_find, range(200)))


def test_two_runs_may_use_it_at_once(tmp_path: Path) -> None:
    table = tmp_path / "mirror.sqlite"
    with Mirror(table, ROOT, "run1") as one:
        one.note_blob("/a", 1, BLOB)
        with Mirror(table, ROOT, "run2") as other:
            other.note_blob("/b", 2, BLOB)
        assert one.find_blob("/b", BLOB.size, 2) == KnownBlob(BLOB, "run2")
    with Mirror(table, ROOT, "run3") as later:
        assert later.find_blob("/a", BLOB.size, 1) == KnownBlob(BLOB, "run1")


def test_notes_are_written_while_the_run_goes_on(tmp_path: Path) -> None:
    table = tmp_path / "mirror.sqlite"
    with Mirror(table, ROOT, "run1") as one, Mirror(table, ROOT, "run2") as other:
        for number in range(NOTES_AT_ONCE):
            one.note_blob(f"/{number}", 1, BLOB)
        assert other.find_blob("/0", BLOB.size, 1) == KnownBlob(BLOB, "run1")


def test_a_torn_table_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with Mirror(path, "s3://b", "run") as mirror:
        mirror.note_blob("/a", 1, Blob("key", 0, 1, "sha"))
        assert mirror.find_blob("/a", 1, 1) is not None


def test_a_table_that_cannot_be_opened_is_done_without(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite"
    path.mkdir()
    with Mirror(path, "s3://b", "run") as mirror:
        mirror.note_blob("/a", 1, Blob("key", 0, 1, "sha"))
        assert mirror.find_blob("/a", 1, 1) is not None
