"""The job's ends of the shim: inputs into place, products out of it."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.files import (
    PACKET_BODY_BYTES,
    CachedInputs,
    Collected,
    collect_products,
    place_inputs,
)
from snakemake_executor_plugin_batchx.job.host_cache import HostCache
from snakemake_executor_plugin_batchx.spec import (
    SMALL_FILE_BYTES,
    Blob,
    Entry,
    Product,
)
from snakemake_executor_plugin_batchx.storage.fetch import HERE
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.room import NoRoomError
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

ROOT = S3Root("bucket", ".batchx")
NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def transfer(store: MemoryStore) -> Iterator[Transfer]:
    with Transfer(store) as opened:
        yield opened


def put_file(
    store: MemoryStore, path: str, content: bytes, *, mtime_ns: int = NOW_NS - 5, mode: int = 0o644
) -> Entry:
    """Store a file's content and return its entry."""
    sha256 = hashlib.sha256(content).hexdigest()
    store.objects[sha256] = content
    return Entry(path, "file", mode, mtime_ns, blob=Blob(sha256, 0, len(content), sha256))


def test_inputs_are_placed_with_mode_and_time(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    entries = [
        put_file(store, "deep/a.sh", b"a", mode=0o755),
        Entry("d", "dir", 0o555, NOW_NS - 9),
        put_file(store, "d/f", b"f"),
        Entry("d/link", "link", 0o777, NOW_NS - 7, target="f"),
    ]
    place_inputs(transfer, tmp_path, entries, now_ns=NOW_NS)
    assert (tmp_path / "deep" / "a.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o555
    assert (tmp_path / "d" / "link").read_bytes() == b"f"
    for entry in entries:
        assert os.lstat(tmp_path / entry.path).st_mtime_ns == entry.mtime_ns


def test_an_input_from_the_future_is_of_now(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    entry = put_file(store, "a.txt", b"a", mtime_ns=NOW_NS + 10**9)
    place_inputs(transfer, tmp_path, [entry], now_ns=NOW_NS)
    assert (tmp_path / "a.txt").stat().st_mtime_ns == NOW_NS


def test_inputs_that_the_host_keeps_are_linked_and_fetched_once(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    large = b"x" * (SMALL_FILE_BYTES + 1)
    entries = [
        Entry("ref", "dir", 0o755, NOW_NS - 9),
        put_file(store, "ref/SA", large, mode=0o600),
        put_file(store, "ref/small", b"s", mode=0o600),
        put_file(store, "reference", large, mode=0o640),
    ]
    for job in ("one", "two"):
        base = tmp_path / job
        base.mkdir()
        cache = HostCache(tmp_path / "cache", None)
        with contextlib.closing(cache):
            cached = CachedInputs(cache, ("ref",))
            place_inputs(transfer, base, entries, now_ns=NOW_NS, cached=cached)
        for entry in entries:
            assert os.stat(base / entry.path).st_mtime_ns == entry.mtime_ns
        modes = [(base / entry.path).stat().st_mode & 0o777 for entry in entries]
        assert modes == [0o755, 0o644, 0o600, 0o640]
    assert (tmp_path / "one/ref/SA").samefile(tmp_path / "two/ref/SA")
    assert store.calls["GetObject"] == 1 + 2 * 2


@pytest.mark.parametrize("missing_bytes", [0, 1])
def test_inputs_need_room_before_the_first_comes(
    transfer: Transfer, store: MemoryStore, tmp_path: Path, missing_bytes: int
) -> None:
    entries = [
        Entry("d", "dir", 0o755, NOW_NS - 9),
        put_file(store, "d/small", b"s" * 10),
        put_file(store, "large", b"l" * (SMALL_FILE_BYTES + 1)),
    ]
    needed = SMALL_FILE_BYTES + 11
    asked: list[str] = []

    def find_free(folder: str) -> int:
        asked.append(folder)
        return needed - missing_bytes

    may_fail = pytest.raises(NoRoomError, match="What the job reads needs")
    with may_fail if missing_bytes else contextlib.nullcontext():
        place_inputs(transfer, tmp_path, entries, now_ns=NOW_NS, find_free=find_free)
    assert asked == [str(tmp_path)]
    assert store.calls["GetObject"] == (0 if missing_bytes else 2)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == (set() if missing_bytes else {"small", "large"})


def test_inputs_at_absolute_paths_need_room_on_their_own_disk(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    scratch, volume = tmp_path / "scratch", tmp_path / "volume"
    scratch.mkdir()
    volume.mkdir()
    entry = put_file(store, str(volume / "reference"), b"r")
    place_inputs(
        transfer,
        scratch,
        [entry],
        now_ns=NOW_NS,
        find_free=lambda folder: 1 if folder.startswith(str(volume)) else 0,
    )
    assert (volume / "reference").read_bytes() == b"r"


def test_inputs_without_content_need_no_room(transfer: Transfer, tmp_path: Path) -> None:
    entry = Entry("d", "dir", 0o755, NOW_NS - 9)
    place_inputs(transfer, tmp_path, [entry], now_ns=NOW_NS, find_free=lambda _: 0)
    assert (tmp_path / "d").is_dir()


def test_a_link_that_a_killed_job_left_is_no_input_in_place(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    """At an absolute path, on a volume that outlives the job: nobody holds the file it shows."""
    entry = put_file(store, str(tmp_path / "volume" / "SA"), b"x" * (SMALL_FILE_BYTES + 1))
    (tmp_path / "volume").mkdir()
    cache = HostCache(tmp_path / "cache", None)
    with contextlib.closing(cache):
        cached = CachedInputs(cache, (entry.path,))
        place_inputs(transfer, tmp_path, [entry], now_ns=NOW_NS, cached=cached)
        (kept,) = (tmp_path / "cache").glob("*/*/file-*/SA")
        Path(entry.path).unlink()
        Path(entry.path).symlink_to(kept)
        place_inputs(transfer, tmp_path, [entry], now_ns=NOW_NS, cached=cached)
        assert not Path(entry.path).is_symlink()
    assert store.calls["GetObject"] == 1


def test_inputs_above_the_working_directory_are_placed_beside_it(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    place_inputs(transfer, work_dir, [put_file(store, "../shared/a", b"a")], now_ns=NOW_NS)
    assert (tmp_path / "shared" / "a").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("content", "mtime_ns", "reads"),
    [(b"a", NOW_NS - 5, 0), (b"b", NOW_NS - 6, 1), (b"longer", NOW_NS - 5, 1)],
    ids=["the same", "another time", "another size"],
)
def test_a_file_at_its_absolute_path_is_fetched_if_it_is_another(
    transfer: Transfer,
    store: MemoryStore,
    tmp_path: Path,
    content: bytes,
    mtime_ns: int,
    reads: int,
) -> None:
    path = tmp_path / "volume" / "a"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    entries = [
        Entry(str(path.parent), "dir", 0o755, NOW_NS - 5),
        put_file(store, str(path), b"a"),
    ]
    place_inputs(transfer, tmp_path / "work", entries, now_ns=NOW_NS)
    assert path.read_bytes() == b"a"
    assert store.calls["GetObject"] == reads
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_relative_input_is_always_fetched(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    entry = put_file(store, "a", b"a")
    for _ in range(2):
        place_inputs(transfer, tmp_path, [entry], now_ns=NOW_NS)
    assert store.calls["GetObject"] == 2


def test_a_damaged_input_is_refused(tmp_path: Path) -> None:
    store = MemoryStore(lambda data: data[::-1])
    with Transfer(store) as transfer, pytest.raises(BatchxError, match="did not arrive"):
        place_inputs(transfer, tmp_path, [put_file(store, "a", b"abc")], now_ns=NOW_NS)
    assert list(tmp_path.iterdir()) == []


def collect(transfer: Transfer, base: Path, *paths: str) -> Collected:
    products = [Product(path, "output") for path in paths]
    return collect_products(transfer, base, products, ROOT)


def read_part(collected: Collected, path: str) -> bytes:
    """Return the content of a file that travels in the packet."""
    (blob,) = (entry.blob for entry in collected.entries if entry.path == path)
    assert blob is not None
    assert blob.key == HERE
    return b"".join(collected.parts)[blob.offset : blob.offset + blob.size]


def test_small_products_travel_in_the_packet(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"content of a")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"content of f")
    (tmp_path / "d" / "empty").touch()
    (tmp_path / "d" / "link").symlink_to("f")
    collected = collect(transfer, tmp_path, "a", "d")
    assert [(e.path, e.kind) for e in collected.entries] == [
        ("a", "file"),
        ("d", "dir"),
        ("d/empty", "file"),
        ("d/f", "file"),
        ("d/link", "link"),
    ]
    assert read_part(collected, "a") == b"content of a"
    assert read_part(collected, "d/f") == b"content of f"
    assert read_part(collected, "d/empty") == b""
    assert store.objects == {}


@pytest.mark.parametrize(("extra", "objects"), [(0, 0), (1, 1)])
def test_a_large_product_is_an_object_of_its_own(
    transfer: Transfer, store: MemoryStore, tmp_path: Path, extra: int, objects: int
) -> None:
    content = b"x" * (SMALL_FILE_BYTES + extra)
    (tmp_path / "a").write_bytes(content)
    collected = collect(transfer, tmp_path, "a")
    assert len(store.objects) == objects
    assert len(collected.parts) == 1 - objects
    (entry,) = collected.entries
    assert entry.blob is not None
    assert entry.blob.sha256 == hashlib.sha256(content).hexdigest()
    if objects:
        assert store.objects[entry.blob.key] == content
        assert entry.blob.key == ROOT.get_data_key(entry.blob.sha256)


def test_the_packet_is_filled_and_not_overfilled(
    transfer: Transfer, store: MemoryStore, tmp_path: Path
) -> None:
    count = PACKET_BODY_BYTES // SMALL_FILE_BYTES + 3
    names = [f"{n:03d}" for n in range(count)]
    for n, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([n]) * SMALL_FILE_BYTES)
    (tmp_path / "tiny").write_bytes(b"tiny")
    collected = collect(transfer, tmp_path, *names, "tiny")
    assert sum(map(len, collected.parts)) == PACKET_BODY_BYTES
    assert len(store.objects) == 4
    for n, entry in enumerate(collected.entries[:-1]):
        assert entry.blob is not None
        first = (
            b"".join(collected.parts)[entry.blob.offset]
            if entry.blob.key == HERE
            else store.objects[entry.blob.key][0]
        )
        assert first == n


def test_what_is_not_there_is_left_out(transfer: Transfer, tmp_path: Path) -> None:
    assert collect(transfer, tmp_path, "gone") == Collected((), ())


def test_products_within_one_another_are_listed_once(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"f")
    collected = collect(transfer, tmp_path, "d/f", "d", "d/f")
    assert sorted(entry.path for entry in collected.entries) == ["d", "d/f"]
    assert len(collected.parts) == 1


def test_a_dangling_product_is_an_error(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        collect(transfer, tmp_path, "a")
