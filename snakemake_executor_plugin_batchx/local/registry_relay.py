"""HTTP of ECR's registry: bodies pass in pieces, both ways, whatever their sizes."""

from __future__ import annotations

import http.client
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler

from werkzeug.serving import DechunkedInput

from snakemake_executor_plugin_batchx.local.http_server import BACKLOG, BODILESS, LOOPBACK
from snakemake_executor_plugin_batchx.local.iam.refusals import Answer, Headers
from snakemake_executor_plugin_batchx.local.registry_front import RegistryFront, RegistryRequest

PIECE_BYTES = 256 * 1024
ANSWER_SECONDS = 600.0
"""How long the registry behind may check a blob of gigabytes before it answers."""

POLL_SECONDS = 0.05
"""How soon the server notices that it should end."""

OF_ONE_LEG = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade", "expect", "authorization"),
    }
)
"""Headers that do not go on. Source: https://www.rfc-editor.org/rfc/rfc9110#field.connection"""

NO_ANSWER = Answer("502 Bad Gateway", [("Content-Type", "text/plain")], b"No registry answers.\n")


class SenderGoneError(Exception):
    """A request broke off."""


class RegistryServer(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1, as dockerd wants it of registries without TLS; a thread a connection.

    Args:
        front: lets requests in.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = BACKLOG

    def __init__(self, front: RegistryFront):
        super().__init__((LOOPBACK, 0), RegistryHandler)
        self.front = front
        self.host = f"{LOOPBACK}:{self.server_address[1]}"


class RegistryHandler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    server: RegistryServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Headers and a small body leave in one packet.
    wbufsize = -1

    def handle(self) -> None:
        """Returns when the connection ends, by whomever."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Logs nothing."""

    def serve(self) -> None:
        """Answers one request."""
        front = self.server.front
        request = RegistryRequest(self.command, self.path, self.headers, self.client_address[0])
        body = self._iter_body()
        try:
            refusal = front.find_refusal(request)
            if refusal is None:
                self._relay(front, body)
            else:
                self._send(refusal, body)
        except SenderGoneError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - names there

    @property
    def _is_chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def _relay(self, front: RegistryFront, body: Iterator[bytes]) -> None:
        """Passes the request on, and the answer back."""
        host, _, port = front.host_behind.partition(":")
        behind = http.client.HTTPConnection(host, int(port), timeout=ANSWER_SECONDS)
        with closing(behind):
            try:
                self._pass_on(behind, front.make_authorization(), body)
                answer = behind.getresponse()
            except (http.client.HTTPException, OSError):
                self._send(NO_ANSWER, body)
                return
            self._pass_back(answer, body)

    def _pass_on(
        self, behind: http.client.HTTPConnection, authorization: str, body: Iterator[bytes]
    ) -> None:
        """The sender's Host goes on: the registry makes Locations of it, which lead here again."""
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in OF_ONE_LEG:
                behind.putheader(name, value)
        behind.putheader("Authorization", authorization)
        if self._is_chunked:
            behind.putheader("Transfer-Encoding", "chunked")
        # A registry that refuses a body does not read it; its answer is there all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            behind.endheaders(body, encode_chunked=self._is_chunked)

    def _pass_back(self, answer: http.client.HTTPResponse, body: Iterator[bytes]) -> None:
        for _ in body:
            # What the registry did not want.
            pass
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OF_ONE_LEG:
                self.send_header(name, value)
        has_body = self.command != "HEAD" and str(answer.status) not in BODILESS
        if has_body and answer.length is None:
            # It ends with the connection.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        while piece := answer.read1(PIECE_BYTES):
            self.wfile.write(piece)
        if has_body and answer.length:
            # The registry broke off: so does its answer.
            self.close_connection = True

    def _send(self, answer: Answer, body: Iterator[bytes]) -> None:
        """Sends an answer of our own once the request is read: only then senders look for it."""
        for _ in body:
            pass
        code, _, phrase = answer.status.partition(" ")
        headers: Headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        self.send_response_only(int(code), phrase)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _iter_body(self) -> Iterator[bytes]:
        """Yields the request's body.

        Raises:
            SenderGoneError: it ends too early.
        """
        left = int(self.headers.get("Content-Length") or 0)
        try:
            if self._is_chunked:
                buffer = bytearray(PIECE_BYTES)
                chunks = DechunkedInput(self.rfile)  # type: ignore[arg-type]  # binary, as it is
                while count := chunks.readinto(buffer):
                    yield bytes(buffer[:count])
                return
            while left:
                piece = self.rfile.read1(min(left, PIECE_BYTES))
                if not piece:
                    raise SenderGoneError
                left -= len(piece)
                yield piece
        except OSError as error:
            raise SenderGoneError from error


@contextmanager
def serve_registry(front: RegistryFront) -> Iterator[str]:
    """Serves from threads for as long as the context lasts; yields ``127.0.0.1:<port>``."""
    server = RegistryServer(front)
    serving = threading.Thread(
        target=server.serve_forever, args=(POLL_SECONDS,), name="batchx-registry", daemon=True
    )
    serving.start()
    try:
        yield server.host
    finally:
        server.shutdown()
        server.server_close()
