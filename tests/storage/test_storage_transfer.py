"""Transfers: many at once, bounded, verified, and nothing half under a final name."""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.gateway import (
    LARGE_FILES_AT_ONCE,
    PART_BYTES,
    StorageError,
)
from snakemake_executor_plugin_batchx.storage.transfer import (
    OnBytes,
    Transfer,
    TransferStoppedError,
    hash_file,
    make_temporary,
    write_content,
)

SMALL = b"small content"
LARGE = b"large content" * (PART_BYTES // 13 + 1)
CONTENTS = pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])


def make_key(sha256: str) -> str:
    return "data/" + sha256


def put(store: MemoryStore, content: bytes, *, offset: int = 0) -> Blob:
    sha256 = hashlib.sha256(content).hexdigest()
    key = make_key(sha256)
    store.objects[key] = b"?" * offset + content
    return Blob(key, offset, len(content), sha256)


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
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
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
        with pytest.raises(BatchxError, match="did not arrive as it was sent") as caught:
            transfer.fetch_blob(blob, target)
        assert transfer.bytes_in == 0
    assert str(target) in str(caught.value)
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
    assert store.calls["upload_file"] == uploads


class AppendingStore(MemoryStore):
    """Stands for a program that writes on while its file is being sent."""

    def upload_file(
        self, path: str | os.PathLike[str], key: str, on_bytes: OnBytes | None = None
    ) -> None:
        super().upload_file(path, key)
        with open(path, "ab") as file:
            file.write(b"more")


def test_a_file_that_changes_while_it_is_sent_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    with Transfer(AppendingStore()) as transfer:
        with pytest.raises(BatchxError, match="changed while it was being sent"):
            transfer.send_file(source, make_key, may_exist=False)
        assert transfer.bytes_out == 0


def test_results_come_in_the_order_of_the_items() -> None:
    with Transfer(MemoryStore(), threads=4) as transfer:
        assert transfer.run_all(lambda n: n * n, range(100)) == [n * n for n in range(100)]
        assert transfer.run_all(str, []) == []


def test_the_first_failure_is_raised_and_ends_the_rest() -> None:
    never = threading.Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError(f"item {number}")
        never.wait(0.02)  # so that the failure is seen long before the last item's turn

    with (
        Transfer(MemoryStore(), threads=2) as transfer,
        pytest.raises(ValueError, match="item 1"),
    ):
        transfer.run_all(work, range(1000))
    assert len(begun) < 1000


class MeetingStore(MemoryStore):
    """A store whose downloads end only when LARGE_FILES_AT_ONCE of them are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._now = 0
        self._count_lock = threading.Lock()
        self._meeting = threading.Barrier(LARGE_FILES_AT_ONCE)

    def download_file(
        self, key: str, path: str | os.PathLike[str], on_bytes: OnBytes | None = None
    ) -> None:
        with self._count_lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._meeting.wait(60)
        super().download_file(key, path)
        with self._count_lock:
            self._now -= 1


def test_only_so_many_large_files_move_at_once(tmp_path: Path) -> None:
    store = MeetingStore()
    blob = put(store, LARGE)
    targets = [tmp_path / str(n) for n in range(2 * LARGE_FILES_AT_ONCE)]
    with Transfer(store) as transfer:
        transfer.run_all(lambda target: transfer.fetch_blob(blob, target), targets)
    assert store.most == LARGE_FILES_AT_ONCE
    assert all(target.stat().st_size == len(LARGE) for target in targets)


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
    write_content(blob, SMALL, tmp_path / name)
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


@CONTENTS
def test_a_file_is_hashed_in_chunks(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    assert hash_file(path) == hashlib.sha256(content).hexdigest()


def test_stopping_ends_a_large_file_and_begins_no_other(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    with Transfer(MemoryStore()) as transfer:
        transfer.stop()
        with pytest.raises(TransferStoppedError):
            transfer.send_file(source, make_key, may_exist=True)
        with pytest.raises(TransferStoppedError):
            transfer.run_all(str, [1, 2, 3])


def test_nothing_goes_on_after_a_failure_was_raised() -> None:
    failed, ended = threading.Event(), threading.Event()

    def work(item: str) -> None:
        if item == "fails":
            failed.set()
            raise BatchxError("broken")
        failed.wait(60)
        ended.set()

    with Transfer(MemoryStore()) as transfer:
        with pytest.raises(BatchxError, match="broken"):
            transfer.run_all(work, ["slow", "fails"])
        assert ended.is_set()
