"""Objects read together: what arrives is right, and what does not is left to boto3, in time."""

import base64
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from snakemake_executor_plugin_batchx.storage.bulk_reads import (
    ENOUGH_KEYS,
    SMALL_BYTES,
    BucketPlace,
    BulkReader,
    find_place,
    has_proxy,
    read_observed,
)

BUCKET = "my-bucket"
CREDENTIALS = Credentials("key", "secret")
CONTENT = bytes(range(256)) * 200
LARGE = bytes(SMALL_BYTES + 1)
STALL_SECONDS = 4.0
GOOD = [f"runs/r/{number:06d}/result" for number in range(70)]
STRANGE = ["a b", "a+b", "ü/ß~", "100%", "q?x=1&y", "#1", "empty"]


class StrictS3(BaseHTTPRequestHandler):
    """Answers GetObject as the key says, and counts who asks."""

    protocol_version = "HTTP/1.1"
    asked: list[str]
    released: threading.Event

    def do_GET(self) -> None:
        key = self.path.removeprefix(f"/{BUCKET}/")
        self.asked.append(key)
        body = b"" if key == "empty" else key.encode() + CONTENT
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=key/"):
            self._answer(403, b"")
        elif key == "missing":
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif key == "busy":
            self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
        elif key == "stalled":
            self.released.wait()
            self.close_connection = True
        elif key == "cut":
            self._answer(200, body, length=len(body) + 10)
            self.close_connection = True
        elif key == "moved":
            self._answer(301, b"<Error><Code>PermanentRedirect</Code></Error>")
        elif key == "large":
            self._answer(200, LARGE)
        elif key == "damaged":
            checksum = zlib.crc32(b"what was stored").to_bytes(4, "big")
            self._answer(200, body, **{"x-amz-checksum-crc32": base64.b64encode(checksum).decode()})
        else:
            self._answer(200, body)

    def _answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class RoomyServer(ThreadingHTTPServer):
    """Takes many connections at once."""

    request_queue_size = 256
    daemon_threads = True


def make_client(endpoint_url: str | None = None, **config: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(**config),
    )


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (StrictS3,), {"asked": [], "released": threading.Event()})
    with RoomyServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        handler.released.set()
        server.shutdown()
        thread.join()


def open_reader(server: ThreadingHTTPServer, **options: Any) -> BulkReader:
    client = make_client(f"http://127.0.0.1:{server.server_port}", proxies={"http": None})
    return BulkReader(client, CREDENTIALS, BUCKET, **options)


@pytest.fixture
def reader(server: ThreadingHTTPServer) -> Iterator[BulkReader]:
    with open_reader(server) as reader:
        yield reader


def get_asked(server: ThreadingHTTPServer) -> list[str]:
    asked: list[str] = server.RequestHandlerClass.asked  # type: ignore[attr-defined]
    return asked


def test_each_object_is_read_in_one_request(
    server: ThreadingHTTPServer, reader: BulkReader
) -> None:
    assert reader.read_all(GOOD) == {key: key.encode() + CONTENT for key in GOOD}
    assert sorted(get_asked(server)) == GOOD


def test_keys_are_named_as_s3_wants_them(server: ThreadingHTTPServer, reader: BulkReader) -> None:
    assert set(reader.read_all(STRANGE)) == set(STRANGE)
    assert sorted(get_asked(server)) == sorted(
        ["a%20b", "a%2Bb", "%C3%BC/%C3%9F~", "100%25", "q%3Fx%3D1%26y", "%231", "empty"]
    )


def test_what_does_not_come_whole_or_small_is_left_out(reader: BulkReader) -> None:
    found = reader.read_all([*GOOD, "missing", "busy", "cut", "damaged", "moved", "large"])
    assert set(found) == set(GOOD)


def test_what_does_not_come_is_left_out_in_time(server: ThreadingHTTPServer) -> None:
    with open_reader(server, answer_seconds=STALL_SECONDS) as reader:
        begun = time.monotonic()
        assert "stalled" not in reader.read_all([*GOOD, "stalled"])
        assert time.monotonic() - begun < STALL_SECONDS + 20


def test_after_a_bad_answer_it_goes_on(reader: BulkReader) -> None:
    assert reader.read_all(["missing"] * ENOUGH_KEYS) == {}
    assert set(reader.read_all(GOOD)) == set(GOOD)


def test_a_few_are_left_to_boto3(server: ThreadingHTTPServer, reader: BulkReader) -> None:
    assert reader.read_all(GOOD[: ENOUGH_KEYS - 1]) == {}
    assert get_asked(server) == []


def test_where_it_is_answered_otherwise_than_boto3_it_is_not_tried_again(
    server: ThreadingHTTPServer, reader: BulkReader
) -> None:
    assert set(reader.read_all(GOOD)) == set(GOOD)
    assert reader.read_all(["moved", *["moved"] * ENOUGH_KEYS]) == {}
    count = len(get_asked(server))
    assert reader.read_all(GOOD) == {}
    assert len(get_asked(server)) == count


class ExpiredCredentials(Credentials):
    """Credentials that nobody can renew."""

    def get_frozen_credentials(self) -> NoReturn:
        raise CredentialRetrievalError(provider="sso", error_msg="the session has expired")


def test_without_credentials_nothing_is_asked_nor_said(
    server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    client = make_client(f"http://127.0.0.1:{server.server_port}", proxies={"http": None})
    with BulkReader(client, ExpiredCredentials("key", "secret"), BUCKET) as reader:
        assert reader.read_all(GOOD) == {}
    assert get_asked(server) == []
    assert capfd.readouterr() == ("", "")


def test_a_closed_one_reads_nothing(server: ThreadingHTTPServer, reader: BulkReader) -> None:
    with reader:
        assert set(reader.read_all(GOOD)) == set(GOOD)
    assert reader.read_all(GOOD) == {}


def test_after_a_bad_moment_it_is_tried_again(server: ThreadingHTTPServer) -> None:
    client = make_client(f"http://127.0.0.1:{server.server_port}", proxies={"http": None})
    failures = [CredentialRetrievalError(provider="sso", error_msg="not now")]

    def fail_once(**_: Any) -> None:
        if failures:
            raise failures.pop()

    client.meta.events.register("before-sign.s3", fail_once)
    with BulkReader(client, CREDENTIALS, BUCKET, off_seconds=0) as reader:
        assert reader.read_all(GOOD) == {}
        assert set(reader.read_all(GOOD)) == set(GOOD)


def test_behind_a_proxy_all_but_the_first_is_left_to_boto3(server: ThreadingHTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    with BulkReader(make_client(url, proxies={"http": url}), CREDENTIALS, BUCKET) as reader:
        assert set(reader.read_all(GOOD)) <= {GOOD[0]}
        assert reader.read_all(GOOD) == {}
    assert len(get_asked(server)) == 1


SIGNED = "AWS4-HMAC-SHA256 Credential=AK/20261121/{}/aws4_request, SignedHeaders=host, Signature=0"
IN_S3 = SIGNED.format("eu-south-1/s3")


@pytest.mark.parametrize(
    ("url", "authorization", "place"),
    [
        (
            "https://b-1.s3.eu-south-1.amazonaws.com/a/k%20ey",
            IN_S3,
            BucketPlace(True, "b-1.s3.eu-south-1.amazonaws.com", "/", "eu-south-1"),
        ),
        (
            "http://127.0.0.1:9000/b.1/a/k%20ey",
            IN_S3.encode(),
            BucketPlace(False, "127.0.0.1:9000", "/b.1/", "eu-south-1"),
        ),
        (
            "https://s3.lab:9/x/b-1/a/k%20ey",
            IN_S3,
            BucketPlace(True, "s3.lab:9", "/x/b-1/", "eu-south-1"),
        ),
        ("https://b-1.s3.amazonaws.com/another", IN_S3, None),
        ("https://b-1.s3.amazonaws.com/xa/k%20ey", IN_S3, None),
        ("https://b-1.s3.amazonaws.com/a/k%20ey", "", None),
        (
            "https://b--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/a/k%20ey",
            SIGNED.format("eu-west-1/s3express"),
            None,
        ),
        (
            "https://m.accesspoint.s3-global.amazonaws.com/a/k%20ey",
            "AWS4-ECDSA-P256-SHA256 Credential=AK/20261121/s3/aws4_request, Signature=0",
            None,
        ),
    ],
)
def test_the_place_is_where_boto3_went(
    url: str, authorization: str | bytes, place: BucketPlace | None
) -> None:
    assert find_place(url, authorization, "a/k ey") == place


@pytest.mark.parametrize("style", ["path", "auto"])
def test_boto3_is_observed(server: ThreadingHTTPServer, style: str) -> None:
    client = make_client(
        f"http://127.0.0.1:{server.server_port}",
        proxies={"http": None},
        s3={"addressing_style": style},
    )
    place = BucketPlace(False, f"127.0.0.1:{server.server_port}", f"/{BUCKET}/", "eu-west-1")
    assert read_observed(client, BUCKET, "a b") == (b"a%20b" + CONTENT, place)
    assert read_observed(client, BUCKET, "missing") == (None, place)


@pytest.mark.parametrize(
    ("configured", "is_tls", "expected"),
    [
        ({"http": None}, False, False),
        ({"http": "http://p"}, False, True),
        ({"https": "http://p"}, False, False),
        ({"https": "http://p"}, True, True),
    ],
)
def test_a_configured_proxy_counts(
    configured: dict[str, str | None], is_tls: bool, expected: bool
) -> None:
    assert has_proxy(configured, BucketPlace(is_tls, "host", "/", "eu-west-1")) == expected


def test_the_systems_proxy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.lab:3128")
    monkeypatch.setenv("no_proxy", "inside.lab")
    assert has_proxy(None, BucketPlace(False, "outside.org", "/", "eu-west-1"))
    assert not has_proxy(None, BucketPlace(False, "inside.lab", "/", "eu-west-1"))
    assert not has_proxy(None, BucketPlace(True, "outside.org", "/", "eu-west-1"))
