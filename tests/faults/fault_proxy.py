"""``python -m faults.fault_proxy``: stands before an embedded Batch, and gives its callers faults.

Prints its port, and serves on the loopback until its stdin ends. Each call is a line of JSON in the
record: what it was, what it met, what the Batch answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from faults.fault_plan import SUBMIT, CallPlan, Fault, FaultRates, Visibility, plan_call

LOOPBACK = "127.0.0.1"
HOP_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})
LISTS = {"describejobs": "jobs", "listjobs": "jobSummaryList"}
"""Where an answer holds jobs."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``headers`` without those of the connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes


THROTTLED = Answer(
    429,
    {"Content-Type": "application/json", "x-amzn-errortype": "TooManyRequestsException"},
    b'{"message":"Too Many Requests"}',
)
"""As AWS answers: https://github.com/ASFHyP3/hyp3/issues/1676."""

FAILURES = (
    Answer(
        500,
        {"Content-Type": "application/json", "x-amzn-errortype": "ServerException"},
        b'{"message":"Internal server error"}',
    ),
    Answer(503, {"Content-Type": "text/html"}, b"<html><body>Service Unavailable</body></html>"),
    Answer(502, {"Content-Type": "text/html"}, b"<html><body>Bad Gateway</body></html>"),
)
"""Batch's own (CommonErrors of its API reference), and those of what stands before it."""


class FaultBook:
    """Decides what calls meet, and records it. Any thread may call."""

    def __init__(self, seed: int, rates: FaultRates, record: Path):
        self._random = random.Random(seed)
        self._rates = rates
        self._visibility = Visibility(self._random, rates, time.monotonic)
        self._file = record.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def plan(self, operation: str) -> CallPlan:
        """Draw what a call meets."""
        with self._lock:
            return plan_call(self._random, self._rates, operation)

    def choose_failure(self) -> Answer:
        """Draw one of the failures."""
        with self._lock:
            return self._random.choice(FAILURES)

    def write(self, **facts: Any) -> None:
        """Add a line to the record."""
        with self._lock:
            self._file.write(json.dumps({"time": time.time(), **facts}) + "\n")

    def note_submitted(self, job_id: str) -> None:
        """Decide how a new job is hidden."""
        with self._lock:
            self._visibility.note_submitted(job_id)

    def hide_jobs(self, operation: str, answer: Answer) -> tuple[Answer, list[str]]:
        """Return an answer without the jobs that are hidden now, and their ids."""
        member = LISTS.get(operation)
        if member is None or answer.status != 200:
            return answer, []
        content = json.loads(answer.body)
        with self._lock:
            shown = [
                job for job in content[member] if self._visibility.is_shown(operation, job["jobId"])
            ]
        hidden = [job["jobId"] for job in content[member] if job not in shown]
        body = json.dumps({**content, member: shown}).encode()
        return Answer(answer.status, answer.headers, body), hidden


class FaultHandler(BaseHTTPRequestHandler):
    """One connection of a caller."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: FaultServer

    def do_POST(self) -> None:
        """Carry a call out, or not, and answer it, or not."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.path.rstrip("/").rpartition("/")[2]
        book = self.server.book
        plan = book.plan(operation)
        time.sleep(plan.seconds_before)
        facts: dict[str, Any] = {"operation": operation, **asdict(plan)}
        try:
            answer = self._answer(plan, operation, body, facts)
        finally:
            book.write(**facts)
        time.sleep(plan.seconds_after)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(answer)

    do_GET = do_DELETE = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Log nothing: the record has it."""

    def _answer(
        self, plan: CallPlan, operation: str, body: bytes, facts: dict[str, Any]
    ) -> Answer | None:
        """Return the answer, None for silence; notes in ``facts`` what the Batch said."""
        book = self.server.book
        if plan.fault is Fault.THROTTLED:
            return THROTTLED
        if plan.fault is Fault.FAILED_BEFORE:
            return book.choose_failure()
        answer = self._forward(body)
        facts["status"] = answer.status
        if operation == SUBMIT:
            facts["request"] = json.loads(body)
            facts["answer"] = json.loads(answer.body)
            if answer.status == 200:
                book.note_submitted(facts["answer"]["jobId"])
        elif operation.startswith(("terminate", "cancel")):
            facts["request"] = json.loads(body)
        if plan.fault is Fault.FAILED_AFTER:
            return book.choose_failure()
        if plan.fault is Fault.ANSWER_LOST:
            return None
        answer, hidden = book.hide_jobs(operation, answer)
        if hidden:
            facts["hidden"] = hidden
        return answer

    def _forward(self, body: bytes) -> Answer:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_HEADERS}
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP_HEADERS}
            return Answer(answer.status, kept, answer.read())
        finally:
            connection.close()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


class FaultServer(ThreadingHTTPServer):
    """A thread per connection; callers may break theirs off."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str, book: FaultBook):
        super().__init__((LOOPBACK, 0), FaultHandler)
        self.upstream = upstream
        self.book = book

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a caller that was killed while it waited for its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def main(arguments: list[str]) -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m faults.fault_proxy")
    parser.add_argument("--upstream", required=True, help="the embedded AWS's URL")
    parser.add_argument("--record", required=True, type=Path)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--rates", default="{}", help="FaultRates as JSON")
    options = parser.parse_args(arguments)
    book = FaultBook(options.seed, FaultRates(**json.loads(options.rates)), options.record)
    with FaultServer(urlsplit(options.upstream).netloc, book) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.buffer.read()
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
