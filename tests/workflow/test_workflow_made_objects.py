"""What a job has made in S3: one question for all who ask, and never an old answer."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import snakemake_storage_plugin_s3 as stock
from moto.server import ThreadedMotoServer

from snakemake_executor_plugin_batchx.workflow.made_objects import note_made

BUCKET = "made"
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@dataclass
class World:
    """The plugin's provider, and the requests that it makes."""

    provider: Any
    s3: Any
    calls: list[str] = field(default_factory=list)

    def open(self, key: str) -> Any:
        """Return an object of the plugin's own."""
        return stock.StorageObject(
            query=f"s3://{BUCKET}/{key}", keep_local=False, retrieve=True, provider=self.provider
        )

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)


@pytest.fixture
def world(url: str, tmp_path: Path) -> World:
    provider = stock.StorageProvider(
        local_prefix=tmp_path,
        logger=logging.getLogger("test"),
        settings=stock.StorageProviderSettings(
            endpoint_url=url, access_key="key", secret_key="secret", region="us-east-1"
        ),
    )
    s3 = boto3.Session().client("s3", endpoint_url=url, **KEYS)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="keeps-the-bucket", Body=b"")
    world = World(provider, s3)
    events = provider.s3c.meta.client.meta.events
    events.register("before-send.s3", lambda request, **_: world.calls.append(request.method))
    return world


def test_one_question_answers_all(world: World) -> None:
    world.put("one", b"12345")
    expected = world.open("one").mtime()
    output, read = world.open("one"), world.open("one")
    world.calls.clear()
    note_made([output, read])
    assert world.calls == []
    for item in (output, read, output):
        assert item.exists()
        assert item.size() == 5
        assert item.mtime() == expected
        assert not item.is_dir()
    assert world.calls == ["HEAD"]


def test_what_is_removed_is_gone_for_all(world: World) -> None:
    world.put("gone", b"1")
    output, read = world.open("gone"), world.open("gone")
    note_made([output, read])
    assert read.exists()
    output.remove()
    assert not output.exists()
    assert not read.exists()


def test_what_is_replaced_is_asked_for_again(world: World) -> None:
    world.put("new", b"1")
    output, read = world.open("new"), world.open("new")
    note_made([output, read])
    assert read.size() == 1
    output.local_path().parent.mkdir(parents=True)
    output.local_path().write_bytes(b"12")
    output.store_object()
    assert read.size() == 2


def test_what_is_not_there_is_left_to_the_plugin(world: World) -> None:
    output = world.open("never")
    note_made([output])
    assert not output.exists()
    world.put("never", b"123")
    assert output.exists()
    assert output.size() == 3


def test_objects_made_of_a_made_one_are_the_plugins_own(world: World) -> None:
    world.put("a", b"1")
    output = world.open("a")
    note_made([output])
    other = type(output)(
        query=f"s3://{BUCKET}/b", keep_local=False, retrieve=True, provider=world.provider
    )
    assert not other.exists()
