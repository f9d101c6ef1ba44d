"""Single requests to S3 by AWS's native client (awscrt): many at once without a thread for each.

boto3 keeps the interpreter busy for one to two milliseconds a request, this for a quarter of one.
Of each operation the service model that boto3 brings tells how it is written
(botocore/data/s3); the answer comes back whole, so an object is asked for in parts.
"""

import asyncio
import functools
import os
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import botocore.httpsession
from awscrt import common, http, s3
from awscrt.exceptions import AwsCrtError
from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.crt import BotocoreCRTCredentialsWrapper, create_s3_crt_client

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import Answer
from snakemake_executor_plugin_batchx.storage.budget import CONNECTIONS
from snakemake_executor_plugin_batchx.storage.checksums import Content
from snakemake_executor_plugin_batchx.storage.inbox import Inbox
from snakemake_executor_plugin_batchx.storage.place import BucketPlace
from snakemake_executor_plugin_batchx.storage.spans import get_size, open_content

BYTES_PER_SECOND = CONNECTIONS * 50_000_000
"""What awscrt makes its connections for: one for 0.4 Gbit/s, but ten at least
(https://github.com/awslabs/aws-c-s3/blob/main/source/s3_client.c)."""

FILE_BYTES_PER_SECOND = 125_000_000
"""The same for whole files: ten connections, each with a part of 8 MiB in memory."""

FILE_THREADS = 4
"""One receives and writes 1 GB/s at most."""

ANSWER_SECONDS = 90.0
"""How long one answer is waited for before boto3, which sees each packet, asks instead."""

CLOSE_SECONDS = 5.0

NATIVE_ERRORS = (AwsCrtError, RuntimeError, UnicodeError, OSError)
"""What awscrt raises where it cannot even begin."""

Spelling = Mapping[str, tuple[str, str]]


def open_client(
    place: BucketPlace,
    credentials: Any,
    ca_bundle: str | None,
    bytes_per_second: int = BYTES_PER_SECOND,
    threads: int = 1,
) -> Any:
    """Return awscrt's own client, of so many threads, for what boto3 finds at a place.

    `credentials` are botocore's, which renew themselves; `ca_bundle` is the file that boto3 is told
    of, if any.
    """
    # As boto3 has it (botocore/endpoint.py, _get_verify_value).
    trusted = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE")
    return create_s3_crt_client(
        place.region,
        crt_credentials_provider=BotocoreCRTCredentialsWrapper(
            credentials
        ).to_crt_credentials_provider(),
        num_threads=threads,
        target_throughput=bytes_per_second,
        use_ssl=place.is_tls,
        verify=(trusted or botocore.httpsession.get_cert_path(True)) if place.is_tls else None,
    )


class NativeClient:
    """awscrt's client for one bucket; the arguments are those of `open_client`."""

    def __init__(
        self, place: BucketPlace, credentials: Any, ca_bundle: str | None, inbox: Inbox
    ) -> None:
        self.place = place
        self._inbox = inbox
        self._spellings: dict[str, Spelling] = {}
        self._open_client = functools.partial(open_client, place, credentials, ca_bundle)
        self._client = self._open_client(BYTES_PER_SECOND)
        self._file_client: Any = None

    async def perform(
        self,
        operation: Any,
        key: str,
        params: Mapping[str, Any],
        content: Content,
        into: str | None = None,
    ) -> Answer | None:
        """Do an operation (botocore's OperationModel); return S3's answer, be it a refusal.

        awscrt writes what it gets `into` a file, if it is told one. None where no answer came in
        time.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        answer = _AnswerInParts(lambda: self._inbox.tell(_end, ended), is_on_disk=into is not None)
        timer = loop.call_later(ANSWER_SECONDS, _end, ended)
        try:
            request = self._client.make_request(
                type=s3.S3RequestType.DEFAULT,
                operation_name=operation.name,
                request=self._write_request(operation, key, params, content),
                recv_filepath=into,
                on_headers=answer.add_headers,
                on_body=None if into else answer.add_body,
                on_done=answer.end,
            )
        except NATIVE_ERRORS:
            timer.cancel()
            # The file may be what it cannot begin with: a name that is no UTF-8, a lost folder.
            return await self.perform(operation, key, params, content) if into else None
        try:
            await ended
        finally:
            timer.cancel()
            if not answer.is_ended:
                request.cancel()
            del request  # an error's traceback would keep the client from ending
        return answer.get_answer()

    async def fetch_file(
        self,
        operation: Any,
        key: str,
        params: Mapping[str, Any],
        path: Path,
        on_bytes: Callable[[int], None],
    ) -> Mapping[str, str] | None:
        """Have awscrt read a whole object into a file, in parts; return the answer's headers.

        All parts are of one state of the object. None where it does not come, or stops.
        """
        if self._file_client is None:
            threads = min(os.cpu_count() or 1, FILE_THREADS)
            self._file_client = self._open_client(FILE_BYTES_PER_SECOND, threads)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answer = _AnswerInParts(lambda: self._inbox.tell(_end, ended))
        moved = _Moved(on_bytes)
        try:
            request = self._file_client.make_request(
                type=s3.S3RequestType.GET_OBJECT,
                request=self._write_request(operation, key, params, b""),
                recv_filepath=os.fspath(path),
                on_headers=answer.add_headers,
                on_done=answer.end,
                on_progress=lambda progress, **_: self._inbox.tell(moved.add, progress),
            )
        except NATIVE_ERRORS:
            return None
        try:
            await moved.await_end(ended)
        finally:
            if not ended.done():
                request.cancel()
            del request  # an error's traceback would keep the client from ending
        got = answer.get_answer()
        if got is None or got.status >= 300:
            on_bytes(-moved.count)
            return None
        return got.headers

    def _write_request(
        self, operation: Any, key: str, params: Mapping[str, Any], content: Content
    ) -> http.HttpRequest:
        spelling = self._spellings.get(operation.name)
        if spelling is None:
            spelling = self._spellings[operation.name] = _list_spelling(operation)
        headers = [("host", self.place.host)]
        query: list[tuple[str, str]] = []
        for name, value in params.items():
            place, spelt = spelling[name]
            if place == "headers":
                headers += [(spelt + each, text) for each, text in value.items()]
            else:
                (headers if place == "header" else query).append((spelt, str(value)))
        path = self.place.path + urllib.parse.quote(key, safe="/~")
        if query:
            path += "?" + urllib.parse.urlencode(query)
        method = operation.http["method"]
        if method != "PUT":
            return http.HttpRequest(method, path, http.HttpHeaders(headers))
        headers.append(("content-length", str(get_size(content))))
        return http.HttpRequest(method, path, http.HttpHeaders(headers), open_content(content))

    def close(self) -> None:
        """End it, as far as that goes within CLOSE_SECONDS."""
        clients = [client for client in (self._client, self._file_client) if client is not None]
        ended = [client.shutdown_event for client in clients]
        del self._client, self._file_client, clients
        for each in ended:
            each.wait(CLOSE_SECONDS)


class _Moved:
    """How far a file is."""

    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._on_bytes = on_bytes
        self.count = 0

    def add(self, count: int) -> None:
        """Note that so many more bytes have come."""
        self.count += count
        self._on_bytes(count)

    async def await_end(self, ended: "asyncio.Future[None]") -> None:
        """Return when it has ended, or has not moved for ANSWER_SECONDS."""
        seen = -1
        while not ended.done() and seen < self.count:
            seen = self.count
            await asyncio.wait([ended], timeout=ANSWER_SECONDS)


class _AnswerInParts:
    """What awscrt's thread hears of one answer."""

    def __init__(self, on_end: Callable[[], object], *, is_on_disk: bool = True) -> None:
        self._on_end = on_end
        self._is_on_disk = is_on_disk
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._is_whole = False
        self.is_ended = False

    def add_headers(self, status_code: int, headers: list[tuple[str, str]], **_: Any) -> None:
        self._status = status_code
        self._headers = {name.lower(): value for name, value in headers}

    def add_body(self, chunk: bytes, **_: Any) -> None:
        self._body.append(chunk)

    def end(
        self,
        error: Exception | None = None,
        error_body: bytes | None = None,
        status_code: int | None = None,
        **_: Any,
    ) -> None:
        self._is_whole = error is None
        if error is not None:
            # Of a refusal awscrt tells the body here; what failed otherwise has no status.
            self._status = status_code
            self._body = [error_body or b""]
        self.is_ended = True
        self._on_end()

    def get_answer(self) -> Answer | None:
        if not self.is_ended or self._status is None or (not self._is_whole and self._status < 300):
            return None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        is_on_disk = self._is_on_disk and self._is_whole
        return Answer(self._headers, body, status=self._status, is_on_disk=is_on_disk)


def _end(ended: "asyncio.Future[None]") -> None:
    if not ended.done():
        ended.set_result(None)


def _list_spelling(operation: Any) -> Spelling:
    members = operation.input_shape.members.items()
    return {
        name: (shape.serialization["location"], shape.serialization["name"])
        for name, shape in members
        if "location" in shape.serialization
    }


def has_credentials(credentials: Any) -> bool:
    """Tell whether there are credentials now: awscrt prints what it cannot raise."""
    try:
        credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError):
        return False
    return True


def require_single_thread() -> None:
    """Return when the process may fork. Raises BatchxError where threads of awscrt's go on."""
    if not join_native_threads():
        raise BatchxError("AWS's native client did not end: the job cannot go on.")


def join_native_threads() -> bool:
    """Wait for the threads of closed clients: no process may fork while they live.

    Returns whether they have ended. (https://github.com/awslabs/aws-crt-python#fork-and-multiprocessing)
    """
    return bool(common.join_all_native_threads(timeout_sec=CLOSE_SECONDS))
