"""HTTP on the loopback: werkzeug's threaded server with connections kept alive.

werkzeug closes every connection after its answer, because it reads bodies lazily. Here a request
is read whole before the application sees it and an answer is sent whole, so a connection can be
used again: boto3 saves a handshake per call.
"""

from __future__ import annotations

import io
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

LOOPBACK = "127.0.0.1"
BACKLOG = 128
BODILESS = frozenset({"204", "304"})


class KeepAliveHandler(MotoRequestHandler):  # type: ignore[misc]
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Headers and body leave in one packet.
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Tells a client that waits for it to send its body."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Runs the application for one request."""
        self.environ = environ = self.make_environ()
        body = _read_body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        started: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, _error: object = None) -> None:
            started.append((status, headers))

        try:
            answer = b"".join(self.server.app(environ, start_response))
            status, headers = started[-1]
        except Exception:  # noqa: BLE001 - the client gets a 500, the log the traceback
            traceback.print_exc(file=sys.stderr)
            answer, status, headers = b"Internal Server Error", "500 Internal Server Error", []
        self._send(status, headers, answer)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs nothing: thousands of calls a minute are the rule."""

    def _send(self, status: str, headers: Headers, body: bytes) -> None:
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase)
        names = {name.lower() for name, _ in headers}
        is_head = self.environ["REQUEST_METHOD"] == "HEAD"
        for name, value in headers:
            # An answer's length must be true, or the connection cannot be used again.
            if is_head or name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if not is_head and code not in BODILESS:
            self.send_header("Content-Length", str(len(body)))
        elif is_head and "content-length" not in names:
            self.send_header("Content-Length", "0")
        self.end_headers()
        if not is_head and code not in BODILESS:
            self.wfile.write(body)


def _read_body(environ: dict[str, Any]) -> bytes:
    if environ.pop("wsgi.input_terminated", False):
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return io.BufferedReader(environ["wsgi.input"]).read()
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return bytes(environ["wsgi.input"].read(length)) if length else b""


def open_listener() -> socket.socket:
    """A socket that listens on 127.0.0.1 and a free port."""
    return socket.create_server((LOOPBACK, 0), backlog=BACKLOG)


def open_server(listener: socket.socket, application: WsgiApplication) -> BaseWSGIServer:
    """A server on a listening socket, a thread per connection; ``serve_forever`` runs it."""
    host, port = listener.getsockname()
    return make_server(
        host,
        port,
        application,
        threaded=True,
        request_handler=KeepAliveHandler,
        fd=listener.fileno(),
    )
