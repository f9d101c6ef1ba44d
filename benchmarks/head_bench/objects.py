"""A real S3 server (rclone) beside the embedded Batch, and the least client that talks to it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import urllib3
from rclone_server import serve_folder

BUCKET = "bench"
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
    (folder / BUCKET).mkdir()
    with serve_folder(folder) as port:
        yield f"http://127.0.0.1:{port}"
