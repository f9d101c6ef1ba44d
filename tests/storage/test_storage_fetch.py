"""Results on their way out: in place, whole, with one time, and nothing that was not owed."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.files import collect_products
from snakemake_executor_plugin_batchx.spec import Blob, Entry, Product, Result, Usage
from snakemake_executor_plugin_batchx.storage.fetch import (
    HERE,
    FetchedResult,
    Fetcher,
    list_missing,
    make_result_packet,
)
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

KEY = "runs/r/000001/result"
USAGE = Usage(1.0, 0.5, 0.1, 0.1, 10, 20, None, 0)
NOW_NS = 1_700_000_000_000_000_000
OUTPUT = Product("out.txt", "output")


def make_result(*files: Entry) -> Result:
    return Result(1, 1, 0, None, "", files, USAGE)


def make_file(path: str, content: bytes, *, key: str = HERE, offset: int = 0) -> Entry:
    sha256 = hashlib.sha256(content).hexdigest()
    return Entry(path, "file", 0o644, 5, blob=Blob(key, offset, len(content), sha256))


@dataclass(frozen=True)
class Head:
    """A working directory with what fetches into it."""

    folder: Path
    store: MemoryStore
    mirror: Mirror
    fetcher: Fetcher

    def place(
        self, packet: bytes, *products: Product, now_ns: int = NOW_NS, newest_ns: int = 0
    ) -> None:
        """Fetch a result that a job left as `packet` and put its files in place."""
        self.store.objects[KEY] = packet
        fetched = self.fetcher.fetch_result(KEY)
        self.fetcher.place_files(fetched, products, now_ns=now_ns, newest_ns=newest_ns)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    store = MemoryStore()
    folder = tmp_path / "work"
    folder.mkdir()
    with (
        Mirror(tmp_path / "mirror", "s3://bucket/.batchx", "run1") as mirror,
        Transfer(store) as transfer,
    ):
        yield Head(
            folder, store, mirror, Fetcher(store, mirror, transfer, str(folder), lambda _: {})
        )


def test_a_result_takes_one_request(head: Head) -> None:
    content = b"x" * 100_000
    result = make_result(make_file("out.txt", content))
    head.place(make_result_packet(result, [content]), OUTPUT)
    assert (head.folder / "out.txt").read_bytes() == content
    assert dict(head.store.calls) == {"GetObject": 1}


def test_a_result_is_read_as_it_was_written(head: Head) -> None:
    result = Result(1, 1, 3, "It broke.", "last words ü", (), USAGE)
    head.store.objects[KEY] = make_result_packet(result, [])
    assert head.fetcher.fetch_result(KEY).result == result


def test_without_a_result_the_code_tells(head: Head) -> None:
    with pytest.raises(StorageError) as caught:
        head.fetcher.fetch_result(KEY)
    assert caught.value.code == "NoSuchKey"


def test_small_and_large_files_and_directories_are_placed(head: Head) -> None:
    head.store.objects["data/large"] = b"large"
    result = make_result(
        make_file("out.txt", b"small"),
        make_file("deep/large.bin", b"large", key="data/large"),
        Entry("d", "dir", 0o750, 5),
        make_file("d/f", b"inner", offset=5),
        Entry("d/link", "link", 0o777, 5, target="f"),
    )
    products = [Product(path, "output") for path in ("out.txt", "deep/large.bin", "d")]
    head.place(make_result_packet(result, [b"small", b"inner"]), *products)
    assert (head.folder / "out.txt").read_bytes() == b"small"
    assert (head.folder / "deep" / "large.bin").read_bytes() == b"large"
    assert (head.folder / "d" / "link").read_bytes() == b"inner"
    assert (head.folder / "d").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(("newest_ns", "wanted_ns"), [(5, NOW_NS), (NOW_NS + 7, NOW_NS + 7)])
def test_all_get_one_time_not_older_than_the_inputs(
    head: Head, newest_ns: int, wanted_ns: int
) -> None:
    result = make_result(
        make_file("out.txt", b"a"), Entry("d", "dir", 0o755, 5), make_file("d/f", b"b", offset=1)
    )
    products = (OUTPUT, Product("d", "output"))
    head.place(make_result_packet(result, [b"a", b"b"]), *products, newest_ns=newest_ns)
    times = {(head.folder / path).stat().st_mtime_ns for path in ("out.txt", "d", "d/f")}
    assert times == {wanted_ns}


def test_what_was_there_is_replaced_whole(head: Head) -> None:
    (head.folder / "d").mkdir()
    (head.folder / "d" / "stale").touch()
    (head.folder / "out.txt").mkdir()
    result = make_result(
        make_file("out.txt", b"a"), Entry("d", "dir", 0o755, 5), make_file("d/f", b"b", offset=1)
    )
    head.place(make_result_packet(result, [b"a", b"b"]), OUTPUT, Product("d", "output"))
    assert (head.folder / "out.txt").read_bytes() == b"a"
    assert os.listdir(head.folder / "d") == ["f"]


def test_only_the_products_named_are_placed(head: Head) -> None:
    (head.folder / "out.txt").write_text("of an earlier run")
    result = make_result(
        make_file("out.txt", b"a"), make_file("job.log", b"b", offset=1), make_file("out.txt2", b"")
    )
    head.place(make_result_packet(result, [b"a", b"b"]), Product("job.log", "log"))
    assert (head.folder / "out.txt").read_text() == "of an earlier run"
    assert sorted(os.listdir(head.folder)) == ["job.log", "out.txt"]


def test_a_product_that_the_job_did_not_leave_stays_as_it_is(head: Head) -> None:
    (head.folder / "job.log").write_text("of an earlier run")
    head.place(make_result_packet(make_result(), []), Product("job.log", "log", is_optional=True))
    assert (head.folder / "job.log").read_text() == "of an earlier run"


@pytest.mark.parametrize("arrived", [b"wrong", b"righ"])
def test_a_packet_that_does_not_hold_what_it_says_is_refused(head: Head, arrived: bytes) -> None:
    packet = make_result_packet(make_result(make_file("out.txt", b"right")), [arrived])
    with pytest.raises(BatchxError, match="did not arrive as it was sent"):
        head.place(packet, OUTPUT)
    assert os.listdir(head.folder) == []


def test_what_was_fetched_need_not_be_sent_for_the_next_job(head: Head) -> None:
    packet = make_result_packet(make_result(make_file("out.txt", b"content")), [b"content"])
    head.place(packet, OUTPUT)
    path = head.folder / "out.txt"
    status = path.stat()
    known = head.mirror.find_blob(os.path.realpath(path), status.st_size, status.st_mtime_ns)
    assert known is not None
    blob = known.blob
    assert head.store.read_range(blob.key, blob.offset, blob.size) == b"content"


@pytest.mark.parametrize(
    ("product", "missing"),
    [
        (Product("there", "output"), []),
        (Product("gone", "output"), ["gone"]),
        (Product("gone", "output", is_optional=True), []),
        (Product("gone", "log"), []),
        (Product("gone", "benchmark"), []),
    ],
)
def test_outputs_that_a_job_owed_are_told(product: Product, missing: list[str]) -> None:
    assert list_missing(make_result(make_file("there", b"")), [product]) == missing


@pytest.mark.parametrize("path", ["./d", "a//d", "x/../d", "d"])
def test_a_directory_arrives_with_its_content_however_it_is_spelled(
    tmp_path: Path, path: str
) -> None:
    made, home = tmp_path / "made", tmp_path / "home"
    (made / "x").mkdir(parents=True)
    home.mkdir()
    (made / path).mkdir(parents=True)
    (made / path / "inner.txt").write_text("content")
    store, products = MemoryStore(), (Product(path, "output"),)
    with Transfer(store) as transfer, Mirror(tmp_path / "m.sqlite", "s3://b", "run") as mirror:
        collected = collect_products(transfer, made, products, S3Root("b", "p"))
        result = Result(1, 1, 0, None, "", collected.entries, USAGE)
        store.write_bytes("result", make_result_packet(result, collected.parts))
        fetcher = Fetcher(store, mirror, transfer, str(home), lambda _: {})
        fetched = fetcher.fetch_result("result")
        assert list_missing(fetched.result, products) == []
        fetcher.place_files(fetched, products, now_ns=1, newest_ns=0)
    assert (home / path / "inner.txt").read_text() == "content"


@pytest.mark.parametrize(
    ("place", "output", "is_whole"),
    [
        ("packet", None, True),
        ("elsewhere", None, False),
        ("packet", Blob("output", 0, 1, "0" * 64), False),
    ],
    ids=["all in it", "a file elsewhere", "the output elsewhere"],
)
def test_a_result_is_whole_with_all_in_its_packet(
    place: str, output: Blob | None, *, is_whole: bool
) -> None:
    entry = Entry("out", "file", 0o644, 5, blob=Blob(place, 0, 1, "0" * 64))
    result = Result(4, 1, 0, None, "", (entry,), USAGE, 1, output)
    assert FetchedResult("packet", result, b"").is_whole is is_whole
