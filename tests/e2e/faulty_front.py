"""A front before an embedded AWS that answers some calls itself, late, or by another clock."""

from __future__ import annotations

import email.utils
import http.client
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SERVICE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")

XML = "<ErrorResponse><Error><Type>Sender</Type>{}</Error></ErrorResponse>"

HELD_SECONDS = 60


@dataclass(frozen=True)
class Refusal:
    """An error as AWS answers it."""

    code: str
    message: str
    status: int = 403


DENIED = Refusal(
    "AccessDenied",
    "User: arn:aws:iam::123456789012:user/me is not authorized to perform: {call} because no "
    "identity-based policy allows the {call} action",
)
"""S3 says less to callers of another account."""

KEY = re.compile(r"Credential=(?P<key>[^/]+)/")

EXPIRED = Refusal("ExpiredToken", "The security token included in the request is expired")


@dataclass(frozen=True)
class Faults:
    """What callers meet.

    Calls are named as IAM does, without regard to case ("iam:GetRole", "s3:PUT"): `refusals` and
    `answers` (JSON) come instead of the account's, those of services in `silent` never end.
    `ahead_seconds` is how far the time in answers is from this machine's. `expired` are keys whose
    session is over, more of them as time goes by.
    """

    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    ahead_seconds: float = 0.0
    expired: set[str] = field(default_factory=set)


def name_call(method: str, path: str, headers: Any, body: bytes) -> str:
    """Return a call's name: service and operation, in lower case."""
    found = SERVICE.search(headers.get("Authorization", ""))
    service = found["service"] if found else "unsigned"
    target = headers.get("X-Amz-Target", "")
    if target:
        operation = target.rpartition(".")[2]
    elif service == "batch":
        operation = path.rpartition("/")[2]
    elif service == "s3":
        operation = method
    else:
        operation = parse_qs(body.decode()).get("Action", [""])[0]
    return f"{service}:{operation}".lower()


def make_refusal(call: str, refusal: Refusal) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an error, in the form of the call's service."""
    service = call.partition(":")[0].lower()
    is_quiet = service == "s3" and refusal is DENIED
    message = "Access Denied" if is_quiet else refusal.message.format(call=call)
    words = f"<Code>{refusal.code}</Code><Message>{message}</Message>"
    if service in {"sts", "iam"}:
        return {"Content-Type": "text/xml"}, XML.format(words).encode()
    if service == "s3":
        return {"Content-Type": "application/xml"}, f"<Error>{words}</Error>".encode()
    body = json.dumps({"__type": refusal.code, "message": message}).encode()
    return {"Content-Type": "application/json", "x-amzn-errortype": refusal.code}, body


@dataclass
class Front:
    """Answers calls to an embedded AWS, until it is `released` those of silent services never."""

    target: str
    faults: Faults
    released: threading.Event = field(default_factory=threading.Event)

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of the answer to a call."""
        call = name_call(method, path, headers, body)
        found = KEY.search(headers.get("Authorization", ""))
        if found and found["key"] in self.faults.expired:
            return EXPIRED.status, *make_refusal(call, EXPIRED)
        if call.partition(":")[0] in self.faults.silent:
            self.released.wait(HELD_SECONDS)
        for name, refusal in self.faults.refusals.items():
            if name.lower() == call:
                return refusal.status, *make_refusal(name, refusal)
        for name, answer in self.faults.answers.items():
            if name.lower() == call:
                return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
        return self._pass_on(method, path, headers, body)

    def _pass_on(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.target).netloc)
        kept = {name: value for name, value in headers.items() if name.lower() != "expect"}
        connection.request(method, path, body, kept)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), data


def make_handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            status, told, data = front.answer(self.command, self.path, headers, body)
            self.send_response_only(status)
            now = time.time() + front.faults.ahead_seconds
            self.send_header("Date", email.utils.formatdate(now, usegmt=True))
            for name, value in told.items():
                if name.lower() not in {"date", "content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            length = told.get("Content-Length", "0") if self.command == "HEAD" else len(data)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.serve)
    return Handler


@contextmanager
def serve_faults(target: str, faults: Faults) -> Iterator[str]:
    """Serve an embedded AWS with faults; gives the URL."""
    front = Front(target, faults)
    with ThreadingHTTPServer(("127.0.0.1", 0), make_handler(front)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            front.released.set()
            server.shutdown()
            thread.join()
