"""The s3 provider of a job: few requests, right answers, nothing sent or said wrongly."""

import contextlib
import functools
import http.server
import io
import logging
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.awsrequest import AWSResponse
from counting_s3 import UNCOUNTED, CountingS3, serve_counting_s3
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_batchx.job.host_cache import HostCache
from snakemake_executor_plugin_batchx.spec import StorageFile
from snakemake_executor_plugin_batchx.storage.checksums import is_aws_endpoint
from snakemake_executor_plugin_batchx.storage.parts import SEND_PART_BYTES
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.s3_objects import ObjectGateway
from snakemake_executor_plugin_batchx.storage.s3_provider import (
    JobObjects,
    StorageProvider,
    StorageProviderSettings,
)

BUCKET = "data-of-mine"
URL = f"s3://{BUCKET}"
CREDENTIALS = {"access_key": "key", "secret_key": "secret"}
BOTO_CREDENTIALS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
}


def name_input(query: str, provider: str = "s3", is_default: bool = True) -> StorageFile:
    return StorageFile(query, provider, is_default, is_fetched=True, is_output=False, was_dir=False)


def name_output(query: str, was_dir: bool = False) -> StorageFile:
    return StorageFile(
        query, "s3", is_default=True, is_fetched=False, is_output=True, was_dir=was_dir
    )


@dataclass
class World:
    """An S3, a folder for a job, and the requests that its providers make."""

    endpoint_url: str
    folder: Path
    calls: list[str] = field(default_factory=list)

    @functools.cached_property
    def s3(self) -> Any:
        """A client whose requests are not counted."""
        return boto3.Session().client(
            "s3", endpoint_url=self.endpoint_url, config=UNCOUNTED, **BOTO_CREDENTIALS
        )

    def put(self, **contents: bytes) -> None:
        for name, content in contents.items():
            self.s3.put_object(Bucket=BUCKET, Key=name.replace("__", "/"), Body=content)

    def list_keys(self, bucket: str = BUCKET) -> list[str]:
        listing = self.s3.list_objects_v2(Bucket=bucket)
        return [item["Key"] for item in listing.get("Contents", [])]

    def open(
        self,
        *files: StorageFile,
        name: str = "s3",
        is_default: bool = True,
        kept: HostCache | None = None,
    ) -> tuple[JobObjects, StorageProvider]:
        objects = JobObjects(files, self.folder, kept=kept)
        return objects, self.add_provider(objects, name, is_default=is_default)

    def add_provider(
        self, objects: JobObjects, name: str = "s3", *, is_default: bool = True
    ) -> StorageProvider:
        provider: StorageProvider = objects.make_plugin().StorageProvider(
            local_prefix=self.folder / name,
            logger=logging.getLogger("test"),
            settings=StorageProviderSettings(endpoint_url=self.endpoint_url, **CREDENTIALS),
            is_default=is_default,
        )
        return provider


@pytest.fixture(scope="module")
def counting() -> Iterator[CountingS3]:
    with serve_counting_s3() as counting:
        yield counting


@pytest.fixture
def world(counting: CountingS3, tmp_path: Path) -> Iterator[World]:
    counting.calls.clear()
    counting.page_keys = None
    world = World(counting.url, tmp_path, counting.calls)
    world.s3.create_bucket(Bucket=BUCKET)
    yield world
    boto3.resource("s3", endpoint_url=counting.url, **BOTO_CREDENTIALS).Bucket(
        BUCKET
    ).objects.all().delete()


# What the job reads


def test_an_input_is_one_request_whatever_is_asked_of_it(world: World) -> None:
    names = [f"in/{number}.txt" for number in range(30)]
    for name in names:
        world.s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode())
    _, provider = world.open(*(name_input(f"{URL}/{name}") for name in names))
    for name in names:
        item = provider.object(f"{URL}/{name}")
        stored = world.s3.head_object(Bucket=BUCKET, Key=name)["LastModified"].timestamp()
        assert (item.exists(), item.is_dir(), item.size()) == (True, False, len(name))
        assert item.mtime() == stored
        assert item.local_path().read_text() == name
        # Snakemake fetches what is older on disk than in storage.
        assert item.local_path().stat().st_mtime == stored
        assert item.local_footprint() == 0
        item.retrieve_object()
    assert world.calls == ["GET"] * 30


@pytest.mark.parametrize("size", [0, SEND_PART_BYTES, SEND_PART_BYTES + 1, 3 * SEND_PART_BYTES + 5])
def test_any_size_arrives_whole(world: World, size: int) -> None:
    content = random.Random(size).randbytes(size)
    world.put(big=content)
    _, provider = world.open(name_input(f"{URL}/big"))
    item = provider.object(f"{URL}/big")
    assert item.size() == size
    assert item.local_path().read_bytes() == content
    assert [path.name for path in item.local_path().parent.iterdir()] == ["big"]


def test_a_directory_is_listed_once_and_fetched(world: World) -> None:
    world.put(dir__a=b"1", dir__sub__b=b"22", dir__sub__=b"", directory=b"no part of it")
    _, provider = world.open(name_input(f"{URL}/dir"))
    item = provider.object(f"{URL}/dir/")
    assert (item.exists(), item.is_dir(), item.size()) == (True, True, 3)
    path = item.local_path()
    assert sorted(p.relative_to(path).as_posix() for p in path.rglob("*")) == ["a", "sub", "sub/b"]
    assert path.stat().st_mtime == item.mtime()
    assert world.calls == ["GET"] * 4  # no such key, what is below it, two files


def test_a_directory_may_hold_more_than_one_page_of_a_listing(
    world: World, counting: CountingS3
) -> None:
    counting.page_keys = 2
    for number in range(5):
        world.s3.put_object(Bucket=BUCKET, Key=f"many/{number}", Body=b"x")
    _, provider = world.open(name_input(f"{URL}/many"))
    item = provider.object(f"{URL}/many")
    assert item.size() == 5
    assert world.calls == ["GET"] * (1 + 3 + 5)


@pytest.mark.parametrize("name", ["dir//a", "dir/../a", "dir/./a"])
def test_a_key_that_would_leave_its_directory_is_refused(world: World, name: str) -> None:
    world.s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    _, provider = world.open(name_input(f"{URL}/dir"))
    with pytest.raises(WorkflowError, match="cannot be a file in a directory"):
        provider.object(f"{URL}/dir").retrieve_object()


@pytest.mark.parametrize("url", [f"{URL}/nothing", "s3://no-such-bucket-at-all/x"])
def test_what_is_not_there_is_not_there(world: World, url: str) -> None:
    _, provider = world.open(name_input(url))
    item = provider.object(url)
    assert not item.exists()
    assert not item.local_path().exists()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[HostCache]:
    cache = HostCache(tmp_path / "cache", None)
    with contextlib.closing(cache):
        yield cache


def name_kept(query: str) -> StorageFile:
    return replace(name_input(query), is_cached=True)


def test_what_the_host_keeps_is_fetched_once_for_each_state(world: World, cache: HostCache) -> None:
    world.put(big=b"1" * (SEND_PART_BYTES + 1), dir__big=b"1" * SEND_PART_BYTES, dir__small=b"1")
    files = [name_kept(f"{URL}/big"), name_kept(f"{URL}/dir"), name_input(f"{URL}/dir/small")]
    inodes: list[set[int]] = []
    for content in (b"1", b"1", b"2"):
        if content == b"2":
            world.put(big=b"2" * (SEND_PART_BYTES + 1), dir__big=b"2" * SEND_PART_BYTES)
        _, provider = world.open(*files, kept=cache)
        paths = []
        for name, size in (
            ("big", SEND_PART_BYTES + 1),
            ("dir", SEND_PART_BYTES + 1),
            ("dir/small", 1),
        ):
            item = provider.object(f"{URL}/{name}")
            assert (item.exists(), item.is_dir(), item.size()) == (True, name == "dir", size)
            paths.append(item.local_path())
        stored = world.s3.head_object(Bucket=BUCKET, Key="big")["LastModified"].timestamp()
        assert provider.object(f"{URL}/big").mtime() == stored
        large = (paths[0], paths[1] / "big")
        assert [path.read_bytes()[:1] for path in large] == [content] * 2
        inodes.append({path.stat().st_ino for path in large})
    assert inodes[0] == inodes[1]
    assert not inodes[1] & inodes[2]


@pytest.mark.parametrize("url", [f"{URL}/nothing", "s3://no-such-bucket-at-all/x"])
def test_what_is_not_there_is_not_kept_either(world: World, cache: HostCache, url: str) -> None:
    _, provider = world.open(name_kept(url), kept=cache)
    assert not provider.object(url).exists()


def test_providers_fetch_what_is_their_own(world: World) -> None:
    world.put(a=b"a", b=b"b", c=b"c")
    files = [
        name_input(f"{URL}/a"),
        name_input(f"{URL}/b", "other", is_default=False),
        name_input(f"{URL}/c", "s3", is_default=False),
    ]
    objects, default = world.open(*files)
    other = world.add_provider(objects, "other", is_default=False)
    explicit = world.add_provider(objects, is_default=False)
    for provider, key in ((default, "a"), (other, "b"), (explicit, "c")):
        item = provider.object(f"{URL}/{key}")
        assert item.exists()
        assert item.local_path().read_text() == key
    assert world.calls == ["GET"] * 3
    assert sorted(p.name for p in (world.folder / "other" / BUCKET).iterdir()) == ["b"]


def test_paths_refer_to_where_the_workflow_goes(world: World) -> None:
    world.put(a=b"a")
    objects = JobObjects([name_input(f"{URL}/a")], world.folder / "project")
    provider = objects.make_plugin().StorageProvider(
        local_prefix=Path(".snakemake", "storage", "s3"),
        logger=logging.getLogger("test"),
        settings=StorageProviderSettings(endpoint_url=world.endpoint_url, **CREDENTIALS),
        is_default=True,
    )
    assert provider.object(f"{URL}/a").exists()
    path = world.folder / "project" / ".snakemake" / "storage" / "s3" / BUCKET / "a"
    assert path.read_bytes() == b"a"


# What the job makes


def make_local(provider: StorageProvider, key: str, content: bytes) -> Any:
    item = provider.object(f"{URL}/{key}")
    item.local_path().parent.mkdir(parents=True, exist_ok=True)
    item.local_path().write_bytes(content)
    return item


def test_outputs_cost_one_request_each(world: World) -> None:
    world.put(out__0=b"of an earlier run")
    keys = [f"out/{number}" for number in range(20)]
    objects, provider = world.open(*(name_output(f"{URL}/{key}") for key in keys))
    for key in keys:
        assert not provider.object(f"{URL}/{key}").exists()
        item = make_local(provider, key, key.encode())
        assert not provider.object(f"{URL}/{key}").exists()
        item.store_object()
        again = provider.object(f"{URL}/{key}")
        assert (again.exists(), again.is_dir(), again.size()) == (True, False, len(key))
        assert again.mtime() == item.local_path().stat().st_mtime
    assert world.calls == []
    objects.send_made()
    assert world.calls == ["PUT"] * 20
    for key in keys:
        stored = world.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert stored == key.encode()


def test_a_large_output_arrives_whole(world: World) -> None:
    content = random.Random(3).randbytes(2 * SEND_PART_BYTES + 7)
    objects, provider = world.open(name_output(f"{URL}/big"))
    make_local(provider, "big", content).store_object()
    objects.send_made()
    assert world.s3.get_object(Bucket=BUCKET, Key="big")["Body"].read() == content


def test_what_an_output_is_made_of_arrives_before_it(world: World) -> None:
    last = replace(name_output(f"{URL}/end"), wave=1)
    objects, provider = world.open(last, name_output(f"{URL}/kept"))
    make_local(provider, "kept", bytes(2 * SEND_PART_BYTES + 7)).store_object()
    make_local(provider, "end", b"x").store_object()
    objects.send_made()
    # The parts of the large one, its completion, and only then the small one.
    assert world.calls[-2:] == ["POST", "PUT"]


def test_an_output_is_sent_as_it_is_in_the_end(world: World) -> None:
    objects, provider = world.open(name_output(f"{URL}/log"), name_output(f"{URL}/gone"))
    make_local(provider, "log", b"first").store_object()
    make_local(provider, "log", b"last").store_object()
    gone = make_local(provider, "gone", b"x")
    gone.store_object()
    gone.remove()
    objects.send_made()
    assert world.list_keys() == ["log"]
    assert world.s3.get_object(Bucket=BUCKET, Key="log")["Body"].read() == b"last"


def test_a_directory_takes_the_place_of_the_earlier_one(world: World) -> None:
    world.put(dir=b"once a file", dir__old=b"x", dir__sub__kept=b"old", dirt=b"stays")
    objects, provider = world.open(name_output(f"{URL}/dir"))
    make_local(provider, "dir/sub/kept", b"new")
    make_local(provider, "dir/.snakemake_timestamp", b"")
    item = provider.object(f"{URL}/dir")
    (item.local_path() / "empty").mkdir()
    item.store_object()
    assert (item.exists(), item.is_dir(), item.size()) == (True, True, 3)
    objects.send_made()
    assert world.list_keys() == ["dir/.snakemake_timestamp", "dir/sub/kept", "dirt"]
    assert world.s3.get_object(Bucket=BUCKET, Key="dir/sub/kept")["Body"].read() == b"new"


def test_a_file_takes_the_place_of_a_directory(world: World) -> None:
    world.put(dir__old=b"x")
    objects, provider = world.open(name_output(f"{URL}/dir", was_dir=True))
    make_local(provider, "dir", b"file").store_object()
    objects.send_made()
    assert world.list_keys() == ["dir"]


def test_a_missing_bucket_is_made_as_the_plugin_does(world: World) -> None:
    urls = [f"s3://made-by-the-job/{number}" for number in range(5)]
    objects, provider = world.open(*map(name_output, urls))
    for url in urls:
        item = provider.object(url)
        item.local_path().parent.mkdir(parents=True, exist_ok=True)
        item.local_path().write_text(url)
        item.store_object()
    objects.send_made()
    assert len(world.list_keys("made-by-the-job")) == 5


def test_an_updated_output_is_fetched_and_sent(world: World) -> None:
    world.put(counts=b"one\n")
    updated = replace(name_input(f"{URL}/counts"), is_output=True)
    objects, provider = world.open(updated)
    item = provider.object(f"{URL}/counts")
    assert item.exists()
    with item.local_path().open("ab") as file:
        file.write(b"two\n")
    item.store_object()
    assert item.size() == 8
    objects.send_made()
    assert world.s3.get_object(Bucket=BUCKET, Key="counts")["Body"].read() == b"one\ntwo\n"
    item.remove()
    assert world.list_keys() == ["counts"]


# What the head did not name


def test_other_objects_are_left_to_the_plugin(world: World) -> None:
    world.put(other=b"12345")
    _, provider = world.open(name_output(f"{URL}/out"))
    item = provider.object(f"{URL}/other")
    assert (item.exists(), item.is_dir(), item.size()) == (True, False, 5)
    assert not provider.object(f"{URL}/nothing").exists()
    item.local_path().parent.mkdir(parents=True, exist_ok=True)
    item.retrieve_object()
    assert item.local_path().read_bytes() == b"12345"
    make_local(provider, "third", b"x").store_object()
    assert world.list_keys() == ["other", "third"]
    item.remove()
    assert world.list_keys() == ["third"]


# What goes wrong


class Unwilling(http.server.BaseHTTPRequestHandler):
    """An S3 that answers every request as its server's `answer` says."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, length, body = self.server.answer()
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = len(body) != length

    do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def unwilling() -> Iterator[Any]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unwilling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def test_a_refused_input_says_what_is_lacking(unwilling: Any, tmp_path: Path) -> None:
    unwilling.answer = lambda: (403, len(DENIED), DENIED)
    world = World(f"http://127.0.0.1:{unwilling.server_port}", tmp_path)
    _, provider = world.open(name_input(f"{URL}/secret"))
    item = provider.object(f"{URL}/secret")
    for ask in (item.exists, item.size, item.mtime, item.retrieve_object):
        with pytest.raises(
            WorkflowError, match=f"job's role lacks s3:GetObject on {URL}/secret: "
        ) as info:
            ask()
        assert "Without s3:ListBucket" in str(info.value)


def test_a_refused_output_says_what_is_lacking(unwilling: Any, tmp_path: Path) -> None:
    unwilling.answer = lambda: (403, len(DENIED), DENIED)
    world = World(f"http://127.0.0.1:{unwilling.server_port}", tmp_path)
    objects, provider = world.open(name_output(f"{URL}/out"))
    make_local(provider, "out", b"x").store_object()
    with pytest.raises(StorageError, match=f"The job's role lacks s3:PutObject on {URL}/out: "):
        objects.send_made()


def test_bytes_that_stop_on_the_way_are_asked_for_again(unwilling: Any, tmp_path: Path) -> None:
    answers = [(200, 10, b"half"), (200, 10, b"all of it!")]
    unwilling.answer = lambda: answers.pop(0)
    world = World(f"http://127.0.0.1:{unwilling.server_port}", tmp_path)
    _, provider = world.open(name_input(f"{URL}/a"))
    item = provider.object(f"{URL}/a")
    assert item.exists()
    assert item.local_path().read_bytes() == b"all of it!"


def test_bytes_that_always_stop_are_an_error(unwilling: Any, tmp_path: Path) -> None:
    unwilling.answer = lambda: (200, 10, b"half")
    world = World(f"http://127.0.0.1:{unwilling.server_port}", tmp_path)
    _, provider = world.open(name_input(f"{URL}/a"))
    item = provider.object(f"{URL}/a")
    with pytest.raises(WorkflowError, match=f"s3:GetObject on {URL}/a failed"):
        item.exists()
    assert not item.local_path().parent.exists()


# Settings and checksums


def test_the_settings_of_the_provider_hold(world: World) -> None:
    settings = StorageProviderSettings(
        endpoint_url=world.endpoint_url,
        region="eu-north-1",
        token="token",
        signature_version="s3v4",
        retries=7,
        **CREDENTIALS,
    )
    provider = (
        JobObjects([], world.folder)
        .make_plugin()
        .StorageProvider(
            local_prefix=world.folder / "s3", logger=logging.getLogger("test"), settings=settings
        )
    )
    client = provider.s3c.meta.client
    assert client.meta.endpoint_url == world.endpoint_url
    assert client.meta.region_name == "eu-north-1"
    assert client.meta.config.signature_version == "s3v4"
    assert client.meta.config.retries["total_max_attempts"] == 8
    assert client.meta.config.max_pool_connections == 32
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.token) == ("key", "token")


@pytest.mark.parametrize(
    ("url", "is_aws"),
    [
        ("https://s3.eu-west-1.amazonaws.com", True),
        ("https://s3.cn-north-1.amazonaws.com.cn", True),
        ("https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", True),
        ("http://127.0.0.1:9000", False),
        ("https://minio.example.org", False),
        ("https://amazonaws.com.example.org", False),
    ],
)
def test_endpoints_of_aws(url: str, is_aws: bool) -> None:
    assert is_aws_endpoint(url) == is_aws


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://s3.us-east-1.amazonaws.com", "x-amz-checksum-crc64nvme"),
        ("http://minio.example.org", "Content-MD5"),
    ],
)
def test_s3_verifies_what_it_gets(url: str, header: str) -> None:
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, urllib3.HTTPResponse(io.BytesIO()))

    session = boto3.Session()
    session.events.register("before-send.s3", answer)
    client = session.client("s3", endpoint_url=url, **BOTO_CREDENTIALS)
    ObjectGateway(client, BUCKET, "us-east-1").write_bytes("key", b"content")
    (request,) = sent
    assert request.headers.get(header)
