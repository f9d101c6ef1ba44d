"""A proxy in front of an embedded AWS that holds one kind of call until another comes."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HELD_SECONDS = 60


@dataclass
class HoldingProxy:
    """`is_holding` is set as soon as a call waits; `released_by` is the path that let it go."""

    target: str
    held: str
    releasing: str
    url: str = ""
    released_by: str = ""
    is_holding: threading.Event = field(default_factory=threading.Event)
    is_released: threading.Event = field(default_factory=threading.Event)

    def pass_on(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, Any, bytes]:
        if path == self.held:
            self.is_holding.set()
            self.is_released.wait(timeout=HELD_SECONDS)
        connection = http.client.HTTPConnection(urlsplit(self.target).netloc)
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if path == self.releasing:
            self.released_by = path
            self.is_released.set()
        return answer.status, answer.getheaders(), data


def make_handler(proxy: HoldingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, data = proxy.pass_on(self.command, self.path, body, self.headers)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def hold_calls(target: str, held: str, releasing: str) -> Iterator[HoldingProxy]:
    """Serve POST calls of `target`; those to the path `held` wait for one to `releasing`."""
    proxy = HoldingProxy(target, held, releasing)
    with ThreadingHTTPServer(("127.0.0.1", 0), make_handler(proxy)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield proxy
        finally:
            proxy.is_released.set()
            server.shutdown()
            thread.join()
