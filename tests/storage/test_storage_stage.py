"""Inputs on their way in: each state of a file is sent once, and only once."""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import Answer
from snakemake_executor_plugin_batchx.storage.checksums import Content
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.parts import SEND_PART_BYTES
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

ROOT = S3Root("bucket", ".batchx")


@contextmanager
def open_stager(folder: Path, store: MemoryStore, run_id: str = "run1") -> Iterator[Stager]:
    """Yield a stager for `folder`, as one run of Snakemake has it."""
    with (
        Mirror(folder / ".state", "s3://bucket/.batchx", run_id) as mirror,
        Transfer(store) as transfer,
    ):
        yield Stager(ROOT, mirror, transfer, str(folder), run_id)


def count_sent(store: MemoryStore) -> int:
    return store.calls["PutObject"] + store.calls["CompleteMultipartUpload"]


@pytest.mark.parametrize("size", [0, 10, SEND_PART_BYTES + 1])
def test_a_file_is_staged_under_the_name_of_its_content(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a" * size)
    path.chmod(0o640)
    store = MemoryStore()
    with open_stager(tmp_path, store) as stager:
        (entry,) = stager.stage_inputs(["a.txt"], "Rule map")
    assert (entry.path, entry.kind, entry.mode) == ("a.txt", "file", 0o640)
    assert entry.mtime_ns == path.stat().st_mtime_ns
    assert entry.blob is not None
    assert entry.blob.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.objects == {ROOT.get_data_key(entry.blob.sha256): path.read_bytes()}


def test_a_directory_is_staged_whole(tmp_path: Path) -> None:
    (tmp_path / "d" / "empty").mkdir(parents=True)
    (tmp_path / "d" / "f").write_text("f")
    (tmp_path / "d" / "link").symlink_to("f")
    store = MemoryStore()
    with open_stager(tmp_path, store) as stager:
        entries = stager.stage_inputs(["d"], "Rule map")
    assert [(e.path, e.kind, e.blob is not None) for e in entries] == [
        ("d", "dir", False),
        ("d/empty", "dir", False),
        ("d/f", "file", True),
        ("d/link", "link", False),
    ]


def test_a_file_is_sent_once_however_many_jobs_want_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    store = MemoryStore()
    with open_stager(tmp_path, store) as stager, ThreadPoolExecutor(8) as pool:
        staged = list(pool.map(lambda n: stager.stage_inputs(["a.txt"], f"{n}"), range(40)))
    assert len(set(staged)) == 1
    assert count_sent(store) == 1


def test_two_names_of_one_file_are_sent_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "link.txt").symlink_to("a.txt")
    store = MemoryStore()
    with open_stager(tmp_path, store) as stager:
        one, other = stager.stage_inputs(["a.txt", "link.txt"], "Rule map")
    assert one.blob == other.blob
    assert count_sent(store) == 1


@pytest.mark.parametrize(
    ("run_id", "is_deleted", "asked", "sent"),
    [("run1", False, 0, 0), ("run2", False, 1, 0), ("run2", True, 1, 1)],
)
def test_an_unchanged_file_is_not_sent_by_the_next_run(
    tmp_path: Path, run_id: str, is_deleted: bool, asked: int, sent: int
) -> None:
    (tmp_path / "a.txt").write_text("a")
    store = MemoryStore()
    with open_stager(tmp_path, store) as stager:
        before = stager.stage_inputs(["a.txt"], "Rule map")
    store.calls.clear()
    if is_deleted:
        store.objects.clear()
    with open_stager(tmp_path, store, run_id) as stager:
        assert stager.stage_inputs(["a.txt"], "Rule map") == before
    assert store.calls["HeadObject"] == asked
    assert count_sent(store) == sent
    assert len(store.objects) == 1


def test_a_changed_file_is_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    store = MemoryStore()
    with open_stager(tmp_path, store) as stager:
        (before,) = stager.stage_inputs(["a.txt"], "Rule map")
        path.write_text("two")
        os.utime(path, ns=(2, 2))
        (after,) = stager.stage_inputs(["a.txt"], "Rule map")
    assert before.blob != after.blob
    assert sorted(store.objects.values()) == [b"one", b"two"]


def test_a_missing_input_is_told_with_the_job(tmp_path: Path) -> None:
    with open_stager(tmp_path, MemoryStore()) as stager, pytest.raises(BatchxError) as caught:
        stager.stage_inputs(["gone.txt"], "Rule map")
    assert str(caught.value) == (
        "Rule map: input gone.txt cannot be read: No such file or directory."
    )


class FailingOnceStore(MemoryStore):
    """Refuses the first object."""

    def __init__(self) -> None:
        super().__init__()
        self._first = threading.Semaphore(1)

    def perform(
        self, operation: str, key: str, params: Mapping[str, Any], content: Content = b""
    ) -> Answer:
        if self._first.acquire(blocking=False):
            raise StorageError("S3 is tired.", "SlowDown")
        return super().perform(operation, key, params, content)


def test_after_a_failure_the_next_job_tries_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    store = FailingOnceStore()
    with open_stager(tmp_path, store) as stager:
        with pytest.raises(StorageError, match="tired"):
            stager.stage_inputs(["a.txt"], "Rule map")
        (entry,) = stager.stage_inputs(["a.txt"], "Rule map")
    assert entry.blob is not None
    assert entry.blob.key in store.objects
