"""An AWS that notes which key signed each request, and hands out new ones that end soon."""

import base64
import datetime
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SIGNED = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")

SECONDS = 300
"""So long credentials are good: botocore renews those that end within ten minutes at each use."""

STS = """<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>
<AssumedRoleId>r:s</AssumedRoleId></AssumedRoleUser>
</{action}Result></{action}Response>"""

EXPIRED = "The provided token has expired."


@dataclass
class KeyCloud:
    """What it has been asked, by service, with which keys; keys in `refused` have expired.

    `roles` are the actions by which sessions were asked for.
    """

    keys: dict[str, list[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    roles: list[str] = field(default_factory=list)
    handed_out: list[str] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make_key(self) -> tuple[str, datetime.datetime]:
        """Return the id of a new key, and when it ends."""
        with self.lock:
            key = f"ASIANEW{len(self.handed_out)}"
            self.handed_out.append(key)
        return key, datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=SECONDS)

    def note(self, service: str, key: str) -> None:
        with self.lock:
            self.keys.setdefault(service, []).append(key)


class KeyServer(ThreadingHTTPServer):
    """Serves a KeyCloud."""

    daemon_threads = True

    def __init__(self, cloud: KeyCloud) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cloud = cloud
        cloud.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: KeyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/federation/credentials":
            return self.answer(200, json.dumps(make_sso_answer(self.server.cloud)))
        return self.answer_signed("a" * 10)

    def do_HEAD(self) -> None:
        self.answer_signed("a" * 10)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer_signed("")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        action = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
        if action.startswith("AssumeRole"):
            key, end = self.server.cloud.make_key()
            self.server.cloud.roles.append(action)
            text = STS.format(action=action, key=key, end=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
            return self.answer(200, text)
        return self.answer_signed(json.dumps(make_answer(self.path, self.server.cloud.url)))

    def answer_signed(self, text: str) -> None:
        found = SIGNED.search(self.headers.get("Authorization", ""))
        service, key = (found["service"], found["key"]) if found else ("", "")
        self.server.cloud.note(service, key)
        if key not in self.server.cloud.refused:
            return self.answer(200, text)
        if service == "s3":
            words = f"<Code>ExpiredToken</Code><Message>{EXPIRED}</Message>"
            return self.answer(400, f"<Error>{words}</Error>")
        words = json.dumps({"__type": "ExpiredTokenException", "message": EXPIRED})
        return self.answer(403, words, {"x-amzn-errortype": "ExpiredTokenException"})

    def answer(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")
        self.send_header("ETag", '"e"')
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def make_answer(path: str, url: str) -> dict[str, Any]:
    if path.startswith("/v1/"):
        return {"jobQueues": []}
    token = base64.b64encode(b"AWS:password").decode()
    end = datetime.datetime.now(datetime.UTC).timestamp() + SECONDS
    datum = {"authorizationToken": token, "expiresAt": end, "proxyEndpoint": url}
    return {"authorizationData": [datum]}


def make_sso_answer(cloud: KeyCloud) -> dict[str, Any]:
    key, end = cloud.make_key()
    role = {"accessKeyId": key, "secretAccessKey": "s", "sessionToken": "t"}
    return {"roleCredentials": {**role, "expiration": int(end.timestamp() * 1000)}}


@contextmanager
def serve_keys() -> Iterator[KeyCloud]:
    cloud = KeyCloud()
    with KeyServer(cloud) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()
