"""The proxy: what happens to connections."""

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from bad_s3.careful import CarefulServer
from bad_s3.digests import Keeper
from bad_s3.rules import Book, Fault
from bad_s3.wire import REFUSALS, Answer, Call, change_a_byte, read_content, refuse

LOOPBACK = "127.0.0.1"
NO_LINGER = struct.pack("ii", 1, 0)
"""A socket that is closed with it sends RST rather than FIN (socket(7), SO_LINGER)."""


class BadS3(ThreadingHTTPServer):
    """A thread per connection. `book` gives faults and counts requests.

    With `has_checksums` it keeps objects' checksums and tells them to who asks, as AWS does.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str, *, seed: int = 0, has_checksums: bool = True) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.connect = partial(
            CarefulServer, urlsplit(upstream).netloc, Keeper(), has_checksums=has_checksums
        )
        self.book = Book(seed)
        self.is_released = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client's, and one behind it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: BadS3
    careful: CarefulServer

    def setup(self) -> None:
        super().setup()
        self.careful = self.server.connect()

    def finish(self) -> None:
        self.careful.close()
        with suppress(OSError):  # a client that went
            super().finish()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_request(self) -> None:
        """Answer a request, or do what its fault says."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, headers)
        fault = self.server.book.draw(call.request)
        has_body = int(headers.get("content-length", 0)) > 1 or "transfer-encoding" in headers
        begin = _BEFORE.get(fault)
        if begin is not None and (has_body or fault in _ALWAYS_BEFORE):
            begin(self)
            return
        content, trailer = read_content(headers, self.rfile)
        if fault in REFUSALS:
            self.send(refuse(*REFUSALS[fault]))
            return
        if fault is Fault.CORRUPT and content:
            content, fault = change_a_byte(content), None
        answer = self.careful.perform(Call(self.command, self.path, headers, content), trailer)
        _AFTER.get(fault, Handler.send)(self, answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request  # noqa: N815

    def send(self, answer: Answer, size: int | None = None) -> None:
        """Send an answer, or its first `size` bytes under the length of the whole."""
        self.send_response_only(answer.status)
        if "content-length" not in answer.headers and answer.status != 204:
            self.send_header("content-length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:size])

    def reset(self, *_: object) -> None:
        """Close the connection with an RST."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.rfile.close()
        self.connection.close()

    def stall(self, *_: object) -> None:
        """Do nothing until the test ends."""
        self.close_connection = True
        self.server.is_released.wait()

    def read_half(self) -> None:
        """Read half of a body."""
        self.rfile.read(int(self.headers.get("content-length", 2)) // 2)

    def send_half(self, answer: Answer) -> None:
        """Send half of an answer, and mean to close."""
        self.close_connection = True
        self.send(answer, len(answer.body) // 2)


def _run(*steps: Callable[..., None], handler: Handler, arguments: tuple[Any, ...]) -> None:
    """Do one step with the arguments, the last without."""
    steps[0](handler, *arguments)
    for step in steps[1:]:
        step(handler)


def _then(*steps: Callable[..., None]) -> Callable[..., None]:
    return lambda handler, *arguments: _run(*steps, handler=handler, arguments=arguments)


_ALWAYS_BEFORE = frozenset({Fault.RESET, Fault.STALL})
_BEFORE: dict[Fault | None, Callable[[Handler], None]] = {
    Fault.RESET: Handler.reset,
    Fault.STALL: Handler.stall,
    Fault.RESET_HALFWAY: _then(Handler.read_half, Handler.reset),
    Fault.STALL_HALFWAY: _then(Handler.read_half, Handler.stall),
}
"""What happens instead of reading a request, of some only where it has a body."""

_AFTER: dict[Fault | None, Callable[[Handler, Answer], None]] = {
    Fault.TRUNCATE: Handler.send_half,
    Fault.CORRUPT: lambda handler, answer: handler.send(
        Answer(answer.status, answer.headers, change_a_byte(answer.body))
        if answer.body and answer.status < 300
        else answer
    ),
    Fault.RESET_HALFWAY: _then(Handler.send_half, Handler.reset),
    Fault.STALL_HALFWAY: _then(Handler.send_half, Handler.stall),
    Fault.RESET_AFTER: Handler.reset,
}
"""What happens instead of sending an answer."""


@contextmanager
def serve_bad_s3(upstream: str, *, seed: int = 0, has_checksums: bool = True) -> Iterator[BadS3]:
    """Serve the S3 at a URL, without faults as long as its book has no rules."""
    with BadS3(upstream, seed=seed, has_checksums=has_checksums) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.02))
        thread.start()
        try:
            yield server
        finally:
            server.is_released.set()
            server.shutdown()
            thread.join()
