"""Transfers: many at once, bounded, verified, and nothing half under a final name."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.answers import Answer
from snakemake_executor_plugin_batchx.storage.checksums import compute_crc64, encode_crc64
from snakemake_executor_plugin_batchx.storage.engine import TransferStoppedError
from snakemake_executor_plugin_batchx.storage.parts import READ_PART_BYTES, SEND_PART_BYTES
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.temporary import make_temporary
from snakemake_executor_plugin_batchx.storage.transfer import Transfer, place_content

SMALL = b"small content"
MIDDLE = b"middle" * (READ_PART_BYTES // 6 + 1)
LARGE = b"large content" * (SEND_PART_BYTES // 13 + 1)
CONTENTS = pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])


def make_key(sha256: str) -> str:
    return "data/" + sha256


def put(store: MemoryStore, content: bytes, *, offset: int = 0) -> Blob:
    sha256 = hashlib.sha256(content).hexdigest()
    key = make_key(sha256)
    store.objects[key] = b"?" * offset + content
    crc64 = encode_crc64(compute_crc64(content)) if len(content) > SEND_PART_BYTES else ""
    return Blob(key, offset, len(content), sha256, crc64)


def flip_a_bit(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def cut_the_end(data: bytes) -> bytes:
    return data[:-1]


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@CONTENTS
def test_a_file_comes_back_as_it_was_sent(tmp_path: Path, content: bytes) -> None:
    store = MemoryStore()
    source, target = tmp_path / "source", tmp_path / "new" / "folder" / "target"
    source.write_bytes(content)
    with Transfer(store) as transfer:
        blob = transfer.send_file(source, make_key, may_exist=False)
        transfer.fetch_blob(blob, target)
    assert target.read_bytes() == content
    assert blob == put(MemoryStore(), content)
    assert store.objects == {blob.key: content}
    assert list_names(target.parent) == ["target"]


@CONTENTS
def test_bytes_are_counted(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    with Transfer(MemoryStore()) as transfer:
        blob = transfer.send_file(source, make_key, may_exist=False)
        assert (transfer.bytes_in, transfer.bytes_out) == (0, len(content))
        transfer.fetch_blob(blob, tmp_path / "target")
        transfer.fetch_blob(blob, tmp_path / "again")
        assert (transfer.bytes_in, transfer.bytes_out) == (2 * len(content), len(content))


def test_a_range_of_an_object_is_a_file(tmp_path: Path) -> None:
    store = MemoryStore()
    blob = put(store, SMALL, offset=100)
    with Transfer(store) as transfer:
        transfer.fetch_blob(blob, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == SMALL


@pytest.mark.parametrize("damage", [flip_a_bit, cut_the_end])
@pytest.mark.parametrize("content", [SMALL, MIDDLE, LARGE], ids=["small", "middle", "large"])
@pytest.mark.parametrize("before", [None, b"the old file"])
def test_what_arrives_damaged_is_refused_and_leaves_nothing(
    tmp_path: Path, damage: Callable[[bytes], bytes], content: bytes, before: bytes | None
) -> None:
    store = MemoryStore(damage)
    blob = put(store, content)
    target = tmp_path / "target"
    if before is not None:
        target.write_bytes(before)
    with Transfer(store) as transfer:
        with pytest.raises(BatchxError, match=r"not arrive as it was sent|instead of") as caught:
            transfer.fetch_blob(blob, target)
        assert transfer.bytes_in == 0
    assert blob.key in str(caught.value)
    assert list_names(tmp_path) == ([] if before is None else ["target"])
    assert before is None or target.read_bytes() == before


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_missing_object_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    blob = put(MemoryStore(), content)
    with Transfer(MemoryStore()) as transfer, pytest.raises(StorageError):
        transfer.fetch_blob(blob, tmp_path / "target")
    assert list_names(tmp_path) == []


@pytest.mark.parametrize(
    ("may_exist", "is_there", "uploads"), [(True, True, 0), (True, False, 1), (False, True, 1)]
)
def test_a_large_file_that_may_be_there_is_not_sent_twice(
    tmp_path: Path, may_exist: bool, is_there: bool, uploads: int
) -> None:
    store = MemoryStore()
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    if is_there:
        put(store, LARGE)
    with Transfer(store) as transfer:
        transfer.send_file(source, make_key, may_exist=may_exist)
    assert store.calls["CompleteMultipartUpload"] == uploads


class AppendingStore(MemoryStore):
    """Stands for a program that writes on while its file is being sent."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        self._source = source

    def _UploadPart(self, key: str, params: Mapping[str, Any], data: bytes) -> Answer:  # noqa: N802
        with self._source.open("ab") as file:
            file.write(b"more")
        return super()._UploadPart(key, params, data)


def test_a_file_that_changes_while_it_is_sent_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    with Transfer(AppendingStore(source)) as transfer:
        with pytest.raises(BatchxError, match="changed while it was being sent"):
            transfer.send_file(source, make_key, may_exist=False)
        assert transfer.bytes_out == 0


def test_blobs_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    paths = [tmp_path / str(n) for n in range(100)]
    for path in paths:
        path.write_text(path.name)
    with Transfer(MemoryStore()) as transfer:
        blobs = transfer.send_files(paths, make_key, may_exist=True)
        assert transfer.send_files([], make_key, may_exist=True) == []
    assert [blob.sha256 for blob in blobs] == [
        hashlib.sha256(path.name.encode()).hexdigest() for path in paths
    ]


def test_what_exists_is_found_with_one_request_each() -> None:
    store = MemoryStore()
    keys = [f"key/{n}" for n in range(100)]
    store.objects |= dict.fromkeys(keys[::2], b"")
    with Transfer(store) as transfer:
        assert transfer.find_existing(keys) == set(keys[::2])
    assert store.calls == {"HeadObject": 100}


class AgeingStore(MemoryStore):
    """A store whose lifecycle rule deletes all that is there tomorrow, written a month ago."""

    def _HeadObject(self, key: str, params: Any, data: bytes) -> Answer:  # noqa: N802
        answer = super()._HeadObject(key, params, data)
        told = {
            "last-modified": "Wed, 01 Jul 2026 12:00:00 GMT",
            "date": "Thu, 30 Jul 2026 12:00:00 GMT",
            "x-amz-expiration": 'expiry-date="Sat, 01 Aug 2026 00:00:00 GMT", rule-id="r"',
        }
        return Answer({**answer.headers, **told})


def test_what_is_deleted_soon_counts_as_gone_and_is_sent_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    for store, sent in ((MemoryStore(), False), (AgeingStore(), True)):
        with Transfer(store) as transfer:
            blob = transfer.send_file(source, make_key, may_exist=True)
            assert transfer.find_existing([blob.key]) == (set() if sent else {blob.key})
            store.objects[blob.key] = b"of an earlier run"
            transfer.send_file(source, make_key, may_exist=True)
        assert (store.objects[blob.key] == LARGE) is sent


def test_the_first_failure_is_raised_and_ends_the_rest(tmp_path: Path) -> None:
    store = MemoryStore()
    store.objects["1"] = b""
    missing, there = Blob("0", 0, 1, ""), Blob("1", 0, 0, hashlib.sha256().hexdigest())
    wanted = [(missing, tmp_path / "0"), *((there, tmp_path / f"{n}") for n in range(1, 10_000))]
    with Transfer(store) as transfer, pytest.raises(StorageError, match="does not exist"):
        transfer.fetch_blobs(iter(wanted))
    assert len(list_names(tmp_path)) < 9_999


@given(st.binary(min_size=1, max_size=255).filter(lambda name: not {0, 47} & {*name}))
def test_a_temporary_name_is_valid_for_any_name(name: bytes) -> None:
    target = Path("/folder", os.fsdecode(name))
    if target.name:  # `.` is none
        with make_temporary(target) as temporary:
            assert temporary.parent == target.parent
            assert temporary != target
            assert len(os.fsencode(temporary.name)) <= 255


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "画" * 85])
def test_a_file_of_the_longest_name_arrives(tmp_path: Path, name: str) -> None:
    blob = put(MemoryStore(), SMALL)
    place_content(blob, SMALL, str(tmp_path / name), mode=0o644, time_ns=0)
    assert list_names(tmp_path) == [name]


def test_of_a_temporary_nothing_is_left(tmp_path: Path) -> None:
    def fail() -> None:
        with make_temporary(tmp_path / "target") as temporary:
            temporary.touch()
            raise RuntimeError

    with make_temporary(tmp_path / "target") as unused:
        assert not unused.exists()
    with pytest.raises(RuntimeError):
        fail()
    assert list_names(tmp_path) == []


def test_stopping_ends_a_large_file_and_begins_no_other(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    with Transfer(MemoryStore()) as transfer:
        transfer.stop()
        with pytest.raises(TransferStoppedError):
            transfer.send_file(source, make_key, may_exist=True)
        with pytest.raises(TransferStoppedError):
            transfer.find_existing(["key"])
