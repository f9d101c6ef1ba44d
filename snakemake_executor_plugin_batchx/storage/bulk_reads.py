"""Many small objects read at once, by AWS's native client: it needs no thread for each of them.

boto3 keeps the interpreter busy for one to two milliseconds a read, which is most of what a head
has to do for a job (benchmarks/head.py); awscrt for a fifth of one, and waits for a hundred
answers as it does for one. What it does not bring, for whatever reason, is left to boto3, whose
answer counts: errors are told, and tries repeated, in one place only.
"""

import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.httpsession

ENOUGH_KEYS = 4
"""Fewer are not worth the start of another client."""

ANSWER_SECONDS = 30.0
"""How long answers are waited for before boto3 asks again."""

CLOSE_SECONDS = 5.0

BYTES_PER_SECOND = 625_000_000
"""What awscrt makes its connections for: 5 Gbit/s are some fifty."""


@dataclass(frozen=True)
class BucketPlace:
    """Where the objects of a bucket are: `https://host/path` and the object's key."""

    is_tls: bool
    host: str
    path: str


class BulkReader:
    """Reads objects of one bucket. Safe to use from many threads; to be closed.

    `client` is a boto3 S3 client and `credentials` are botocore's, which renew themselves.
    """

    def __init__(
        self,
        client: Any,
        credentials: Any,
        bucket: str,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._place = find_place(client, bucket)
        self._region = client.meta.region_name
        self._credentials = credentials
        self._answer_seconds = answer_seconds
        # boto3 knows how to go through a proxy, and when not to.
        self._is_off = has_proxy(client.meta.config.proxies, self._place)
        self._lock = threading.Lock()
        self._native: Any = None

    def __enter__(self) -> "BulkReader":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            native, self._native = self._native, None
            self._is_off = True
        if native is not None:
            ended = native.shutdown_event
            del native
            ended.wait(CLOSE_SECONDS)

    def read_all(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the content of those objects that could be read."""
        native = self._get_native() if len(keys) >= ENOUGH_KEYS else None
        if native is None:
            return {}
        deadline = time.monotonic() + self._answer_seconds
        reads = {key: NativeRead(native, self._place, key) for key in keys}
        found = {key: read.take(deadline) for key, read in reads.items()}
        if not any(read.is_answered for read in reads.values()):
            self._is_off = True  # it finds no way to S3, whatever boto3 does
        return {key: content for key, content in found.items() if content is not None}

    def _get_native(self) -> Any:
        with self._lock:
            if self._is_off:
                return None
            if self._native is None:
                self._native = _open_native(self._place, self._region, self._credentials)
            return self._native


class NativeRead:
    """One GetObject that is under way."""

    def __init__(self, native: Any, place: BucketPlace, key: str) -> None:
        from awscrt import http, s3  # noqa: PLC0415 - 12 MB that few runs need

        path = place.path + urllib.parse.quote(key, safe="/~")
        self._chunks: list[bytes] = []
        self.is_answered = False
        self._request = native.make_request(
            type=s3.S3RequestType.DEFAULT,
            operation_name="GetObject",
            request=http.HttpRequest("GET", path, http.HttpHeaders([("host", place.host)])),
            checksum_config=s3.S3ChecksumConfig(validate_response=True),
            on_body=lambda chunk, chunks=self._chunks, **_: chunks.append(chunk),
        )

    def take(self, deadline: float) -> bytes | None:
        """Return the object's content, None where it cannot be had (until then)."""
        from awscrt import s3  # noqa: PLC0415

        try:
            # Not raised: an error's traceback would keep the client from ending when it is closed.
            error = self._request.finished_future.exception(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            self._request.cancel()
            return None
        self.is_answered = error is None or isinstance(error, s3.S3ResponseError)
        return b"".join(self._chunks) if error is None else None


def _open_native(place: BucketPlace, region: str, credentials: Any) -> Any:
    from s3transfer.crt import (  # noqa: PLC0415
        BotocoreCRTCredentialsWrapper,
        create_s3_crt_client,
    )

    wrapped = BotocoreCRTCredentialsWrapper(credentials)
    return create_s3_crt_client(
        region,
        crt_credentials_provider=wrapped.to_crt_credentials_provider(),
        num_threads=1,
        target_throughput=BYTES_PER_SECOND,
        use_ssl=place.is_tls,
        # The authorities that boto3 trusts; else awscrt would take the system's.
        verify=botocore.httpsession.get_cert_path(True) if place.is_tls else None,
    )


def find_place(client: Any, bucket: str) -> BucketPlace:
    """Return where boto3 looks for a bucket's objects, so that endpoint and style are its own."""
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
    parts = urllib.parse.urlsplit(url)
    return BucketPlace(parts.scheme == "https", parts.netloc, parts.path.removesuffix("key"))


def has_proxy(configured: Mapping[str, str | None] | None, place: BucketPlace) -> bool:
    """Tell whether requests go through a proxy: `configured` for the client, or the system's."""
    scheme = "https" if place.is_tls else "http"
    if configured is not None:
        return bool(configured.get(scheme))
    if urllib.request.proxy_bypass(place.host):
        return False
    return scheme in urllib.request.getproxies()
