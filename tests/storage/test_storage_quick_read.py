"""Small objects read past boto3: the same bytes, and boto3's word where something is wrong."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from snakemake_executor_plugin_batchx.storage.gateway import (
    CLIENT_CONFIG,
    S3Gateway,
    StorageError,
)
from snakemake_executor_plugin_batchx.storage.quick_read import is_whole

BUCKET = "quick-bucket"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", **KEYS).create_bucket(Bucket=BUCKET)
    yield f"http://{host}:{port}"
    server.stop()


def open_gateway(url: str, config: Config = CLIENT_CONFIG) -> tuple[S3Gateway, list[str]]:
    """Return a gateway, and the operations that boto3 itself has sent for it."""
    client = boto3.client("s3", endpoint_url=url, config=config, **KEYS)
    sent: list[str] = []

    def note(event_name: str, **_: Any) -> None:
        sent.append(event_name.rpartition(".")[2])

    client.meta.events.register("before-send.s3", note)
    return S3Gateway(client, BUCKET), sent


@pytest.mark.parametrize("key", ["plain", "a/b c/ü+~?#%25.txt", "/leading", "a//b"])
def test_boto3_is_asked_once(url: str, key: str) -> None:
    gateway, sent = open_gateway(url)
    gateway.write_bytes(key, b"content")
    gateway.write_bytes("other", bytes(range(256)))
    assert gateway.read_bytes(key) == b"content"
    assert gateway.read_bytes(key) == b"content"
    assert gateway.read_bytes("other") == bytes(range(256))
    assert sent == ["PutObject", "PutObject", "GetObject"]


def test_what_is_missing_is_said_by_boto3(url: str) -> None:
    gateway, _ = open_gateway(url)
    gateway.write_bytes("there", b"1")
    gateway.read_bytes("there")
    with pytest.raises(StorageError) as caught:
        gateway.read_bytes("missing")
    assert caught.value.code == "NoSuchKey"


def test_a_first_object_that_is_missing_teaches_nothing_wrong(url: str) -> None:
    gateway, _ = open_gateway(url)
    with pytest.raises(StorageError):
        gateway.read_bytes("missing")
    gateway.write_bytes("there", b"1")
    assert gateway.read_bytes("there") == b"1"


def test_an_object_with_another_checksum_is_not_whole() -> None:
    right = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    assert is_whole(b"content", right)
    assert is_whole(b"content", None)
    assert not is_whole(b"contend", right)


def test_other_signatures_are_left_to_boto3(url: str) -> None:
    gateway, sent = open_gateway(url, CLIENT_CONFIG.merge(Config(signature_version="s3")))
    gateway.write_bytes("key", b"1")
    assert [gateway.read_bytes("key") for _ in range(2)] == [b"1", b"1"]
    assert sent == ["PutObject", "GetObject", "GetObject"]


def test_a_server_that_is_gone_is_a_storage_error(url: str) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    retries = Config(retries={"mode": "standard", "total_max_attempts": 1})
    gateway, _ = open_gateway(f"http://{host}:{port}", CLIENT_CONFIG.merge(retries))
    gateway._client.create_bucket(Bucket=BUCKET)
    gateway.write_bytes("key", b"1")
    assert gateway.read_bytes("key") == b"1"
    server.stop()
    with pytest.raises(StorageError):
        gateway.read_bytes("key")
