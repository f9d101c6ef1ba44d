"""The S3 gateway against a real S3 API, and its sentence for every way that S3 says no."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto.server import ThreadedMotoServer

from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.checksums import compute_crc64, encode_crc64
from snakemake_executor_plugin_batchx.storage.gateway import (
    CLIENT_CONFIG,
    CONFLICT_TRIES,
    DELETE_BATCH,
    S3Gateway,
)
from snakemake_executor_plugin_batchx.storage.parts import SEND_PART_BYTES
from snakemake_executor_plugin_batchx.storage.refusals import SENTENCES, StorageError
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

BUCKET = "my-bucket"
LARGE_BYTES = 2 * SEND_PART_BYTES + 12_345


def make_client(endpoint_url: str, config: Config = CLIENT_CONFIG) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=config,
    )


@pytest.fixture(scope="module")
def s3_client() -> Iterator[Any]:
    """A client of an S3 API that lasts for this module."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = make_client(f"http://{host}:{port}")
        client.create_bucket(Bucket=BUCKET)
        yield client
    finally:
        server.stop()


@pytest.fixture
def gateway(s3_client: Any) -> S3Gateway:
    return S3Gateway(s3_client, BUCKET)


@pytest.fixture
def nowhere(s3_client: Any) -> S3Gateway:
    """A gateway to a bucket that does not exist."""
    return S3Gateway(s3_client, "no-such-bucket")


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(random.Random(7).randbytes(LARGE_BYTES))
    return path


@pytest.mark.parametrize("data", [b"", b"content", bytes(range(256)) * 100])
def test_bytes_come_back_as_they_were_written(gateway: S3Gateway, data: bytes) -> None:
    gateway.write_bytes("folder/größe 1+2.txt", data)
    assert gateway.read_bytes("folder/größe 1+2.txt") == data


@pytest.mark.parametrize(
    ("offset", "size", "read"), [(0, 3, b"012"), (4, 3, b"456"), (8, 100, b"89"), (0, 10**6, None)]
)
def test_a_range_is_read_up_to_the_end(
    gateway: S3Gateway, offset: int, size: int, read: bytes | None
) -> None:
    gateway.write_bytes("digits", b"0123456789")
    assert gateway.read_range("digits", offset, size) == (read or b"0123456789")


def test_an_object_is_created_once(gateway: S3Gateway) -> None:
    assert gateway.create_bytes("lease", b"first") is True
    assert gateway.create_bytes("lease", b"second") is False
    assert gateway.read_bytes("lease") == b"first"


def test_whether_there_is_an_object(gateway: S3Gateway) -> None:
    gateway.write_bytes("there", b"")
    assert gateway.has_object("there")
    assert not gateway.has_object("not there")


def test_objects_are_listed_by_the_thousand(gateway: S3Gateway) -> None:
    keys = [f"listed/{n:04}" for n in range(1001)]
    for key in keys:
        gateway.write_bytes(key, b"12")
    found = list(gateway.list_below("listed/"))
    assert [facts.key for facts in found] == keys
    assert {facts.size for facts in found} == {2}
    assert found[0].etag == gateway.inspect_object(keys[0]).etag
    assert found[0].mtime == pytest.approx(gateway.inspect_object(keys[0]).mtime, abs=1)


def test_a_large_file_is_verified_when_it_is_fetched(
    gateway: S3Gateway, large_file: Path, tmp_path: Path
) -> None:
    with Transfer(gateway) as transfer:
        blob = transfer.send_file(large_file, lambda sha256: f"data/{sha256}", may_exist=False)
        transfer.fetch_blob(blob, tmp_path / "again")
        assert (transfer.bytes_in, transfer.bytes_out) == (LARGE_BYTES, LARGE_BYTES)
    content = large_file.read_bytes()
    assert (tmp_path / "again").read_bytes() == content
    sha256 = hashlib.sha256(content).hexdigest()
    crc64 = encode_crc64(compute_crc64(content))
    assert blob == Blob(f"data/{sha256}", 0, LARGE_BYTES, sha256, crc64)


def test_objects_are_deleted_in_batches(gateway: S3Gateway) -> None:
    gateway.write_bytes("doomed/first", b"1")
    gateway.write_bytes("doomed/last", b"2")
    gateway.write_bytes("spared", b"3")
    not_there = [f"doomed/{n}" for n in range(DELETE_BATCH)]
    gateway.delete_objects(["doomed/first", *not_there, "doomed/last"])
    left = [gateway.has_object(key) for key in ("doomed/first", "doomed/last", "spared")]
    assert left == [False, False, True]


def test_deleting_nothing_asks_nobody(nowhere: S3Gateway) -> None:
    nowhere.delete_objects([])


def call_method(gateway: S3Gateway, method: str) -> None:
    """Call a method of the gateway with a key that is not there."""
    arguments = {
        "read_range": ("gone", 0, 10),
        "read_bytes": ("gone",),
        "write_bytes": ("gone", b"x"),
        "create_bytes": ("gone", b"x"),
        "inspect_object": ("gone",),
        "delete_objects": (["gone"],),
    }
    getattr(gateway, method)(*arguments[method])


@pytest.mark.parametrize(
    ("method", "code"),
    [("read_range", "NoSuchKey"), ("read_bytes", "NoSuchKey"), ("inspect_object", "404")],
)
def test_a_missing_object_is_told(gateway: S3Gateway, method: str, code: str) -> None:
    with pytest.raises(StorageError) as caught:
        call_method(gateway, method)
    assert caught.value.code == code
    assert str(caught.value) == f"s3://{BUCKET}/gone does not exist (any more)."


@pytest.mark.parametrize(
    "method",
    ["read_range", "read_bytes", "write_bytes", "create_bytes", "delete_objects"],
)
def test_a_missing_bucket_is_told(nowhere: S3Gateway, method: str) -> None:
    with pytest.raises(StorageError) as caught:
        call_method(nowhere, method)
    assert caught.value.code == "NoSuchBucket"
    assert str(caught.value) == (
        "S3 bucket no-such-bucket does not exist: create it, or name another S3 root."
    )


@pytest.mark.parametrize(
    "method", ["read_bytes", "write_bytes", "inspect_object", "delete_objects"]
)
def test_an_endpoint_out_of_reach_is_told_without_a_code(method: str) -> None:
    once = CLIENT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    # Port 9, `discard`, is served nowhere.
    gateway = S3Gateway(make_client("http://127.0.0.1:9", once), BUCKET)
    with pytest.raises(StorageError, match=f"on s3://{BUCKET}/gone failed: ") as caught:
        call_method(gateway, method)
    assert caught.value.code == ""


@pytest.fixture
def stubbed() -> Iterator[tuple[S3Gateway, Stubber]]:
    """A gateway whose client answers what a test lays out."""
    client = make_client("http://127.0.0.1:9")
    with Stubber(client) as stubber:
        yield S3Gateway(client, BUCKET), stubber


@pytest.mark.parametrize("code", [*SENTENCES, "InternalError"])
def test_every_error_code_has_its_sentence(stubbed: tuple[S3Gateway, Stubber], code: str) -> None:
    gateway, stubber = stubbed
    stubber.add_client_error("put_object", code, "In S3's own words.")
    with pytest.raises(StorageError) as caught:
        gateway.write_bytes("some/key", b"")
    message = str(caught.value)
    assert caught.value.code == code
    assert "{" not in message
    if code in SENTENCES:
        assert message == SENTENCES[code].format(
            bucket=BUCKET, key="some/key", action="s3:PutObject", hint=""
        )
    else:
        assert message == (f"S3 answers s3:PutObject on s3://{BUCKET}/some/key: In S3's own words.")


@pytest.mark.parametrize("code", ["PreconditionFailed", "412"])
def test_losing_a_race_is_no_error(stubbed: tuple[S3Gateway, Stubber], code: str) -> None:
    gateway, stubber = stubbed
    stubber.add_client_error("put_object", code)
    assert gateway.create_bytes("lease", b"x") is False


def test_a_race_under_way_is_run_again_until_somebody_won(
    stubbed: tuple[S3Gateway, Stubber],
) -> None:
    gateway, stubber = stubbed
    stubber.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    stubber.add_response("put_object", {})
    assert gateway.create_bytes("lease", b"x") is True
    stubber.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    stubber.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    assert gateway.create_bytes("lease", b"x") is False


def test_a_race_that_nobody_wins_is_an_error(stubbed: tuple[S3Gateway, Stubber]) -> None:
    gateway, stubber = stubbed
    for _ in range(CONFLICT_TRIES):
        stubber.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    with pytest.raises(StorageError):
        gateway.create_bytes("lease", b"x")


def test_an_object_that_may_not_be_deleted_is_told(stubbed: tuple[S3Gateway, Stubber]) -> None:
    # S3 answers 200 and lists what it did not delete.
    gateway, stubber = stubbed
    refused = {"Key": "secret", "Code": "AccessDenied", "Message": "Access Denied"}
    stubber.add_response("delete_objects", {"Errors": [refused]})
    with pytest.raises(StorageError) as caught:
        gateway.delete_objects(["other", "secret"])
    assert caught.value.code == "AccessDenied"
    assert str(caught.value).startswith(
        f"The credentials of this machine lack s3:DeleteObject on s3://{BUCKET}/secret: "
    )


def test_an_object_that_may_not_be_seen_counts_as_missing(
    stubbed: tuple[S3Gateway, Stubber],
) -> None:
    # Without s3:ListBucket S3 says 403 for what is not there.
    gateway, stubber = stubbed
    stubber.add_client_error("head_object", "403", "Forbidden")
    assert gateway.has_object("key") is False


def test_the_place_is_that_of_the_bucket_and_no_other(s3_client: Any) -> None:
    gateway = S3Gateway(s3_client, BUCKET, credentials="those of the client")
    assert gateway.find_modified("key", "other-bucket") is None
    gateway.delete_objects([BUCKET])  # to /my-bucket, as if that were an object's key
    assert gateway.place is None
    assert not gateway.has_object("key")  # a refusal shows it, too
    assert gateway.place is not None
    assert gateway.place.path == f"/{BUCKET}/"
