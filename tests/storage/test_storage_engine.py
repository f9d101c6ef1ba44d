"""The engine against a real S3 API: whole files or none, few requests, bounded memory."""

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from counting_s3 import UNCOUNTED, CountingS3, serve_counting_s3

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.checksums import (
    AwsChecksums,
    Checksums,
    PlainChecksums,
)
from snakemake_executor_plugin_batchx.storage.copies import Copy
from snakemake_executor_plugin_batchx.storage.engine import Engine, TransferStoppedError
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, make_s3_client
from snakemake_executor_plugin_batchx.storage.options import S3Options
from snakemake_executor_plugin_batchx.storage.parts import (
    FIRST_READ_BYTES,
    READ_PART_BYTES,
    SEND_PART_BYTES,
)
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.uploads import Upload
from snakemake_executor_plugin_batchx.storage.wanted import Download

BUCKET = "data-of-mine"
MANY = 200
LARGE_BYTES = 2 * SEND_PART_BYTES + 12_345


@pytest.fixture(scope="module")
def counting() -> Iterator[CountingS3]:
    with serve_counting_s3() as counting:
        yield counting


def make_session() -> boto3.Session:
    return boto3.Session("key", "secret", region_name="us-east-1")


def open_gateway(counting: CountingS3, checksums: Checksums | None = None) -> S3Gateway:
    session = make_session()
    client = make_s3_client(session, None, S3Options(counting.url, "path"))
    gateway = S3Gateway(client, BUCKET, credentials=session.get_credentials())
    gateway.checksums = checksums or gateway.checksums
    return gateway


@pytest.fixture
def s3(counting: CountingS3) -> Iterator[Any]:
    """A client whose requests are not counted, and an empty bucket."""
    client = make_session().client("s3", endpoint_url=counting.url, config=UNCOUNTED)
    client.create_bucket(Bucket=BUCKET)
    counting.calls.clear()
    yield client
    make_session().resource("s3", endpoint_url=counting.url).Bucket(BUCKET).objects.all().delete()


@pytest.fixture
def bucket(counting: CountingS3, s3: Any) -> S3Gateway:
    return open_gateway(counting)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def write_large(path: Path, size: int = LARGE_BYTES) -> bytes:
    content = random.Random(size).randbytes(size)
    path.write_bytes(content)
    return content


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_many_small_files_cost_one_request_each(
    bucket: S3Gateway, engine: Engine, counting: CountingS3, tmp_path: Path
) -> None:
    names = [f"größe {n}" for n in range(MANY)]
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in names:
        (source / name).write_text(name)
    sent: list[int] = []
    engine.upload_all(
        bucket,
        (Upload(source / name, f"many/{name}") for name in names),
        on_file=lambda _, size: sent.append(size),
    )
    assert Counter(counting.calls) == {"PUT": MANY}
    assert sum(sent) == sum(len(name.encode()) for name in names)
    counting.calls.clear()
    found: list[ObjectFacts] = []
    engine.download_all(
        bucket,
        (Download(f.key, target / f.key, f.size, f.etag) for f in bucket.list_below("many/")),
        on_file=lambda _, facts: found.append(facts),
    )
    assert Counter(counting.calls) == {"GET": MANY + 1}
    assert {f.key for f in found} == {f"many/{name}" for name in names}
    assert [(target / "many" / name).read_text() for name in names] == names


@pytest.mark.parametrize("checksums", [AwsChecksums(), PlainChecksums()])
@pytest.mark.parametrize(
    "size",
    [
        *(0, 1, FIRST_READ_BYTES, FIRST_READ_BYTES + 1, READ_PART_BYTES, READ_PART_BYTES + 1),
        *(SEND_PART_BYTES, SEND_PART_BYTES + 1, LARGE_BYTES),
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_any_size_comes_back_as_it_was_sent(
    counting: CountingS3,
    s3: Any,
    engine: Engine,
    tmp_path: Path,
    checksums: Checksums,
    size: int,
    is_known: bool,
) -> None:
    bucket = open_gateway(counting, checksums)
    content = write_large(tmp_path / "source", size)
    moved: list[int] = []
    engine.upload_all(bucket, [Upload(tmp_path / "source", "key", mode=0o750)], moved.append)
    stored = s3.head_object(Bucket=BUCKET, Key="key", ChecksumMode="ENABLED")
    assert stored["Metadata"] == {"file-permissions": "0100750"}
    (facts,) = bucket.list_below("key")
    known = {"size": facts.size, "etag": facts.etag} if is_known else {}
    found: list[ObjectFacts] = []
    engine.download_all(
        bucket,
        [Download("key", tmp_path / "new" / "target", **known, is_dated=True)],
        moved.append,
        lambda _, facts: found.append(facts),
    )
    assert (tmp_path / "new" / "target").read_bytes() == content
    assert list_names(tmp_path / "new") == ["target"]
    assert (tmp_path / "new" / "target").stat().st_mtime == stored["LastModified"].timestamp()
    assert sum(moved) == 2 * size
    assert found[0].size == size


def test_s3_keeps_the_checksum_of_the_whole(
    counting: CountingS3, s3: Any, engine: Engine, tmp_path: Path
) -> None:
    bucket = open_gateway(counting, AwsChecksums())
    for name, size in (("small", 100), ("large", LARGE_BYTES)):
        write_large(tmp_path / name, size)
        engine.upload_all(bucket, [Upload(tmp_path / name, name)])
        assert engine.has_content(bucket, name, tmp_path / name)
        with (tmp_path / name).open("r+b") as file:
            file.write(b"?")
        assert not engine.has_content(bucket, name, tmp_path / name)


@pytest.mark.parametrize("size", [10, LARGE_BYTES])
def test_an_object_that_was_replaced_is_refused(
    bucket: S3Gateway, s3: Any, engine: Engine, tmp_path: Path, size: int
) -> None:
    s3.put_object(Bucket=BUCKET, Key="key", Body=bytes(size))
    (facts,) = bucket.list_below("key")
    s3.put_object(Bucket=BUCKET, Key="key", Body=b"x" * size)
    wanted = Download("key", tmp_path / "target", facts.size, facts.etag)
    with pytest.raises(StorageError, match="was replaced while it was being read"):
        engine.download_all(bucket, [wanted])
    assert list_names(tmp_path) == []


@pytest.mark.parametrize("size", [None, 10, LARGE_BYTES])
def test_what_is_not_there_is_told(
    bucket: S3Gateway, engine: Engine, tmp_path: Path, size: int | None
) -> None:
    with pytest.raises(StorageError, match="data-of-mine/no does not exist") as caught:
        engine.download_all(bucket, [Download("no", tmp_path / "target", size)])
    assert caught.value.code in {"NoSuchKey", "404"}
    assert list_names(tmp_path) == []


def test_a_file_that_is_not_there_is_told(
    bucket: S3Gateway, engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        engine.upload_all(bucket, [Upload(tmp_path / "no", "key")])
    assert not bucket.has_object("key")


def test_a_failed_upload_leaves_no_parts(
    bucket: S3Gateway, s3: Any, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "source"
    write_large(path)

    def cut(_bytes: int) -> None:
        os.truncate(path, 10)

    with pytest.raises(BatchxError, match="changed while it was being sent"):
        engine.upload_all(bucket, [Upload(path, "key")], cut)
    assert not bucket.has_object("key")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_folder_that_cannot_be_written_is_told(
    bucket: S3Gateway, engine: Engine, tmp_path: Path
) -> None:
    bucket.write_bytes("key", b"x")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        engine.download_all(bucket, [Download("key", tmp_path / "file" / "target", 1)])


@pytest.mark.parametrize("size", [10, LARGE_BYTES])
def test_s3_copies_by_itself(
    bucket: S3Gateway,
    s3: Any,
    engine: Engine,
    tmp_path: Path,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = write_large(tmp_path / "source", size)
    engine.upload_all(bucket, [Upload(tmp_path / "source", "from", mode=0o755)])
    (facts,) = bucket.list_below("from")
    copied: list[Copy] = []
    engine.copy_all(
        bucket,
        [Copy(BUCKET, "from", facts.size, facts.etag, "to")],
        on_file=copied.append,
    )
    answer = s3.get_object(Bucket=BUCKET, Key="to")
    assert answer["Body"].read() == content
    assert answer["Metadata"] == {"file-permissions": "0100755"}
    assert len(copied) == 1


def test_stopping_ends_what_is_under_way(bucket: S3Gateway, tmp_path: Path) -> None:
    begun = threading.Event()

    def write_endlessly() -> Iterator[Upload]:
        (tmp_path / "source").touch()
        for number in range(10**9):
            yield Upload(tmp_path / "source", f"{number}")
            begun.set()

    with Engine() as engine:
        stopper = threading.Thread(target=lambda: (begun.wait(60), engine.stop()))
        stopper.start()
        with pytest.raises(TransferStoppedError):
            engine.upload_all(bucket, write_endlessly())
        stopper.join()
        with pytest.raises(TransferStoppedError):
            engine.upload_all(bucket, [])


def test_the_iterable_of_the_caller_may_fail(
    bucket: S3Gateway, engine: Engine, tmp_path: Path
) -> None:
    def fail() -> Iterator[Download]:
        yield Download("no", tmp_path / "target")
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, StorageError)):
        engine.download_all(bucket, fail())


FORKING = """
import os, sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from storage.test_storage_engine import make_session, BUCKET
from snakemake_executor_plugin_batchx.storage.wanted import Download
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, make_s3_client
from snakemake_executor_plugin_batchx.storage.native import join_native_threads
from snakemake_executor_plugin_batchx.storage.options import S3Options

def fetch(name):
    session = make_session()
    client = make_s3_client(session, None, S3Options({url!r}, "path"))
    gateway = S3Gateway(client, BUCKET, credentials=session.get_credentials())
    with Engine() as engine:
        wanted = [Download(f"key/{{n}}", Path({folder!r}, name, str(n)), 1) for n in range(20)]
        engine.download_all(gateway, wanted)

fetch("before")
assert join_native_threads()
tasks = Path("/proc/self/task")
# A thread that was joined is listed until the kernel has taken it away, a moment later.
deadline = time.monotonic() + 10
while len(threads := os.listdir(tasks)) > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
threads = [(tasks / name / "comm").read_text() for name in threads]
pid = os.fork()
fetch("child" if pid == 0 else "parent")
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(len(threads), *threads[1:], end='')
"""


def test_a_process_may_fork_between_engines(
    bucket: S3Gateway, counting: CountingS3, tmp_path: Path
) -> None:
    for number in range(20):
        bucket.write_bytes(f"key/{number}", b"x")
    program = FORKING.format(
        tests=str(Path(__file__).parents[1]), url=counting.url, folder=str(tmp_path)
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1"  # no thread of awscrt's was left
    assert all(len(list((tmp_path / n).iterdir())) == 20 for n in ("before", "child", "parent"))


def test_what_arrived_otherwise_than_s3_keeps_it_is_refused(
    counting: CountingS3, s3: Any, engine: Engine, tmp_path: Path
) -> None:
    bucket = open_gateway(counting)
    s3.put_object(Bucket=BUCKET, Key="key", Body=b"content")
    wrong = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(BatchxError, match="did not arrive as it was sent"):
        engine.download_all(bucket, [Download("key", tmp_path / "target", 7, sha256=wrong)])
    with contextlib.suppress(FileNotFoundError):
        assert list_names(tmp_path) == []
