"""An S3 that notes the requests it gets, whichever client makes them."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.config import Config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

UNCOUNTED = Config(user_agent_extra="uncounted")
"""For clients whose requests are not noted: those of the test itself."""


class CountingS3:
    """moto's S3, on a port of its own; `page_keys` bounds a page of a listing."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.page_keys: int | None = None
        self._app = DomainDispatcherApplication(create_backend_app)
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "uncounted" not in environ.get("HTTP_USER_AGENT", ""):
            self.calls.append(environ["REQUEST_METHOD"])
        if self.page_keys and "list-type" in environ.get("QUERY_STRING", ""):
            environ["QUERY_STRING"] += f"&max-keys={self.page_keys}"
        answer: Iterable[bytes] = self._app(environ, start)
        return answer


@contextlib.contextmanager
def serve_counting_s3() -> Iterator[CountingS3]:
    """Run such an S3."""
    counting = CountingS3()
    thread = threading.Thread(target=counting.server.serve_forever)
    thread.start()
    try:
        yield counting
    finally:
        counting.server.shutdown()
        thread.join()
        counting.server.server_close()
