"""Many small objects read at once, by AWS's native client: it needs no thread for each of them.

boto3 keeps the interpreter busy for one to two milliseconds a read, which is most of what a head
has to do for a job (benchmarks/head.py); awscrt for a fifth of one, and waits for sixty answers as
it does for one. What it does not bring, for whatever reason, is left to boto3, whose answer
counts: errors are told, and tries repeated, in one place only.
"""

import math
import threading
import time
import urllib.parse
from collections.abc import Sequence
from typing import Any

from awscrt import http, s3
from awscrt.exceptions import AwsCrtError
from botocore.exceptions import BotoCoreError, ClientError

from snakemake_executor_plugin_batchx.storage.native import CLOSE_SECONDS, open_client
from snakemake_executor_plugin_batchx.storage.place import BucketPlace, find_place, has_proxy

ENOUGH_KEYS = 4
"""Fewer are not worth another client."""

SMALL_BYTES = 256 * 1024
"""Larger objects are left to boto3: nobody holds many of them in memory at once."""

ANSWER_SECONDS = 30.0
"""How long answers are waited for before boto3 asks again."""

OFF_SECONDS = 300.0
"""How long it is not tried again once nothing was answered."""

SOUND_STATUS = {403, 404, 500, 502, 503, 504}
"""Refusals that boto3 would get, too; others (redirects, 400) may come of asking wrongly."""


class BulkReader:
    """Reads objects of one bucket. Safe to use from many threads; to be closed.

    `client` is a boto3 S3 client, `credentials` are botocore's, which renew themselves, and
    `ca_bundle` is the file that boto3 is told of, if any.
    """

    def __init__(
        self,
        client: Any,
        credentials: Any,
        bucket: str,
        *,
        ca_bundle: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        off_seconds: float = OFF_SECONDS,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._bucket = bucket
        self._ca_bundle = ca_bundle
        self._answer_seconds = answer_seconds
        self._off_seconds = off_seconds
        self._lock = threading.Lock()
        self._native: NativeClient | None = None
        self._off_until = 0.0

    def __enter__(self) -> "BulkReader":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            native, self._native = self._native, None
            self._off_until = math.inf
        if native is not None:
            native.close()

    def read_all(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the content of those objects that could be read; never raises for the others."""
        if len(keys) < ENOUGH_KEYS or time.monotonic() < self._off_until:
            return {}
        found: dict[str, bytes] = {}
        try:
            # Here, for awscrt prints what it cannot raise.
            self._credentials.get_frozen_credentials()
            native = self._provide_native(keys[0], found)
            if native is None:
                return found
            deadline = time.monotonic() + self._answer_seconds
            reads = [NativeRead(native, key) for key in keys if key not in found]
            taken = {read.key: read.take(deadline) for read in reads}
        except (BotoCoreError, ClientError, OSError, RuntimeError, AwsCrtError):
            self._turn_off()
            return found
        if not any(read.is_answered for read in reads):
            self._turn_off()
        return found | {key: content for key, content in taken.items() if content is not None}

    def _turn_off(self) -> None:
        with self._lock:
            self._off_until = max(self._off_until, time.monotonic() + self._off_seconds)

    def _provide_native(self, key: str, found: dict[str, bytes]) -> "NativeClient | None":
        """Return the client; the first is made as a read of `key` by boto3 shows."""
        with self._lock:
            if self._native is None and time.monotonic() >= self._off_until:
                content, place = read_observed(self._client, self._bucket, key)
                if content is not None:
                    found[key] = content
                if place is None and content is None:  # it may be a bad moment
                    self._off_until = time.monotonic() + self._off_seconds
                elif place is None or has_proxy(self._client.meta.config.proxies, place):
                    self._off_until = math.inf  # boto3 knows how to go there
                else:
                    self._native = NativeClient(place, self._credentials, self._ca_bundle)
            return self._native


class NativeClient:
    """awscrt's client for one bucket."""

    def __init__(self, place: BucketPlace, credentials: Any, ca_bundle: str | None) -> None:
        self.place = place
        self._client = open_client(place, credentials, ca_bundle)

    def request(self, key: str, **callbacks: Any) -> Any:
        """Begin a GetObject; return awscrt's request."""
        path = self.place.path + urllib.parse.quote(key, safe="/~")
        return self._client.make_request(
            type=s3.S3RequestType.DEFAULT,
            operation_name="GetObject",
            request=http.HttpRequest("GET", path, http.HttpHeaders([("host", self.place.host)])),
            checksum_config=s3.S3ChecksumConfig(validate_response=True),
            **callbacks,
        )

    def close(self) -> None:
        """End it, as far as that goes within CLOSE_SECONDS."""
        ended = self._client.shutdown_event
        del self._client
        ended.wait(CLOSE_SECONDS)


class NativeRead:
    """One GetObject that is under way."""

    def __init__(self, native: NativeClient, key: str) -> None:
        self.key = key
        self.is_answered = False
        self._content = content = bytearray()

        def add(chunk: bytes, **_: Any) -> None:
            if len(content) <= SMALL_BYTES:
                content.extend(chunk)

        self._request = native.request(key, on_body=add)

    def take(self, deadline: float) -> bytes | None:
        """Return the object's content, None where it cannot be had (until then) or is not small."""
        try:
            # Not raised: an error's traceback would keep the client from ending when it is closed.
            error = self._request.finished_future.exception(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            self._request.cancel()
            return None
        status = getattr(error, "status_code", None)
        self.is_answered = error is None or status in SOUND_STATUS
        is_good = error is None and len(self._content) <= SMALL_BYTES
        return bytes(self._content) if is_good else None


def read_observed(client: Any, bucket: str, key: str) -> tuple[bytes | None, BucketPlace | None]:
    """Read an object with boto3; return its content if there is one, and where boto3 found it.

    Endpoint, style of the URL and region are what botocore ends up with, redirects included.
    """
    seen: list[BucketPlace | None] = []

    def observe(request: Any, **_: Any) -> None:
        place = find_place(request.url, request.headers.get("Authorization", ""), key)
        if place is not None or not seen:
            seen.append(place)

    client.meta.events.register("before-send.s3.GetObject", observe)
    try:
        content: bytes | None = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError):
        content = None
    finally:
        client.meta.events.unregister("before-send.s3.GetObject", observe)
    return content, seen[-1] if seen else None
