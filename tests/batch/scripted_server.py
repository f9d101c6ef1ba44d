"""A server that answers each request as it was told to, in order, whatever is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANGS = "hangs"
CUTS = "cuts"


@dataclass(frozen=True)
class Reply:
    """An answer as AWS gives it: the body as JSON (a str goes out as it is)."""

    body: Any
    status: int = 200
    error_type: str = ""


THROTTLED = Reply({"message": "Too Many Requests"}, 429, "TooManyRequestsException")
BUSY = Reply({"message": "busy"}, 500, "ServerException")
GATEWAY_TIMEOUT = Reply("<html>504 Gateway Time-out</html>", 504)


@dataclass
class ScriptedServer:
    """`asked` are the bodies of the requests so far. The last reply is repeated."""

    replies: list[Reply | str]
    url: str = ""
    asked: list[Any] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def take_reply(self, body: Any) -> Reply | str:
        self.asked.append(body)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def make_handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = script.take_reply(json.loads(body))
            if isinstance(reply, Reply):
                self._answer(reply)
                return
            if reply == HANGS:
                script.released.wait(timeout=60)
            self.close_connection = True

        def _answer(self, reply: Reply) -> None:
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if reply.error_type:
                self.send_header("x-amzn-ErrorType", reply.error_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serve(replies: Sequence[Reply | str]) -> Iterator[ScriptedServer]:
    script = ScriptedServer(list(replies))
    with ThreadingHTTPServer(("127.0.0.1", 0), make_handler(script)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield script
        finally:
            script.released.set()
            server.shutdown()
            thread.join()
