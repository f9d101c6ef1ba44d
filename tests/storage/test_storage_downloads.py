"""Small objects on their way to the disk: many at once, and what the disk does not take is told."""

import asyncio
import errno
import os
import resource
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from snakemake_executor_plugin_batchx.storage.answers import Answer
from snakemake_executor_plugin_batchx.storage.budget import CONNECTIONS
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, make_s3_client
from snakemake_executor_plugin_batchx.storage.inbox import Inbox
from snakemake_executor_plugin_batchx.storage.native import NativeClient
from snakemake_executor_plugin_batchx.storage.options import S3Options
from snakemake_executor_plugin_batchx.storage.wanted import Download

CONTENT = b"c" * 64 * 1024
SMALLER = 4096
WAIT_SECONDS = 30


class Together(BaseHTTPRequestHandler):
    """Has one object, and gives it when so many have asked for it at the same time."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_HEAD(self) -> None:
        self._begin(200)

    def do_GET(self) -> None:
        try:
            self.server.barrier.wait(WAIT_SECONDS)
        except threading.BrokenBarrierError:
            return self._begin(404)
        self._begin(200)
        self.wfile.write(CONTENT)
        return None

    def _begin(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(CONTENT) if status == 200 else 0))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", self.date_time_string())
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    request_queue_size = 2 * CONNECTIONS
    barrier = threading.Barrier(1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Together) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def bucket(server: Server) -> S3Gateway:
    """A bucket that a request has found, so that awscrt makes all others."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    options = S3Options(f"http://127.0.0.1:{server.server_port}", "path")
    client = make_s3_client(session, None, options)
    bucket = S3Gateway(client, "b", credentials=session.get_credentials())
    assert bucket.has_object("any")
    return bucket


def test_as_many_come_at_once_as_there_are_connections(
    server: Server, bucket: S3Gateway, tmp_path: Path
) -> None:
    server.barrier = threading.Barrier(CONNECTIONS)
    targets = [tmp_path / str(number) for number in range(CONNECTIONS)]
    with Engine() as engine:
        engine.download_all(bucket, [Download(p.name, p, len(CONTENT)) for p in targets])
    assert {path.read_bytes() for path in targets} == {CONTENT}
    assert len(list(tmp_path.iterdir())) == CONNECTIONS


@pytest.mark.parametrize(
    ("name", "is_on_disk"),
    [("file", True), (os.fsdecode(b"no-utf-8-\xe9"), False), ("no/such/folder", False)],
)
def test_awscrt_writes_where_it_can(
    bucket: S3Gateway, tmp_path: Path, name: str, is_on_disk: bool
) -> None:
    """Where it cannot, it brings the content all the same: S3 answers."""

    async def ask() -> Answer | None:
        inbox = Inbox(asyncio.get_running_loop())
        native = NativeClient(place, bucket.credentials, None, inbox)
        try:
            model = bucket.get_model("GetObject")
            return await native.perform(model, "a", {}, b"", str(tmp_path / name))
        finally:
            native.close()

    place = bucket.place
    assert place is not None
    answer = asyncio.run(ask())
    assert answer is not None
    assert answer.is_on_disk == is_on_disk
    assert ((tmp_path / name).read_bytes() if is_on_disk else answer.body) == CONTENT


def test_a_file_that_the_disk_does_not_take_is_told(bucket: S3Gateway, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALLER, hard))
    try:
        with Engine() as engine, pytest.raises(OSError, match="File too large") as told:
            engine.download_all(bucket, [Download("a", tmp_path / "a", len(CONTENT))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
