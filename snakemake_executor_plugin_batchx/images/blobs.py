"""Copying blobs into a repository: mounted where the registry can, else streamed, several at once.

Memory: one piece of 1 MiB a worker, whatever the sizes.
"""

import hashlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.registry import CHUNK_BYTES, Registry, hash_bytes
from snakemake_executor_plugin_batchx.images.transport import Retry

WORKERS = 4
UPLOADS = 4
"""How often the upload of a blob is begun: none can be taken up where it broke."""


@dataclass(frozen=True)
class Blob:
    """Something to copy. `open` yields its content, anew each time.

    `mount_from` is a repository of the destination's registry that holds it, if one is known.
    """

    digest: str
    size: int
    open: Callable[[], Generator[bytes, None, None]]
    mount_from: str = ""


def make_file_blob(path: Path, digest: str, size: int) -> Blob:
    """Return a blob that is a file here."""

    def read() -> Generator[bytes, None, None]:
        with path.open("rb") as file:
            while block := file.read(CHUNK_BYTES):
                yield block

    return Blob(digest, size, read)


def make_bytes_blob(data: bytes) -> Blob:
    """Return a small blob."""
    return Blob(hash_bytes(data), len(data), lambda: (block for block in [data]))


def make_remote_blob(
    registry: Registry, repository: str, digest: str, size: int, *, target_host: str
) -> Blob:
    """Return a blob of a registry; if that is the target as well it may be mounted."""
    return Blob(
        digest,
        size,
        lambda: registry.stream_blob(repository, digest, size),
        repository if registry.host == target_host else "",
    )


@dataclass(frozen=True)
class CopyResult:
    """Bytes by the way they took."""

    present: int = 0
    mounted: int = 0
    copied: int = 0


class BlobCopier:
    """Copies blobs into repositories of one registry. Safe to use from many threads.

    A blob that several images share is sent once if the registry mounts: the others wait for it.
    """

    def __init__(self, registry: Registry, retry: Retry) -> None:
        self._registry = registry
        self._retry = retry
        self._known: dict[str, str] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def copy(
        self, repository: str, blobs: Sequence[Blob], progress: Callable[[int], object]
    ) -> CopyResult:
        """Copy what the repository lacks of `blobs`; `progress` takes bytes as they are done."""
        distinct = list({blob.digest: blob for blob in blobs}.values())
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="batchx-blob") as pool:
            futures = [pool.submit(self._provide, repository, b, progress) for b in distinct]
            try:
                ways = [future.result() for future in futures]
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
        totals = {"present": 0, "mounted": 0, "copied": 0}
        for way, blob in zip(ways, distinct, strict=True):
            totals[way] += blob.size
        return CopyResult(**totals)

    def _provide(self, repository: str, blob: Blob, progress: Callable[[int], object]) -> str:
        with self._lock(blob.digest):
            way = self._provide_alone(repository, blob, progress)
            self._known[blob.digest] = repository
            return way

    def _lock(self, digest: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(digest, threading.Lock())

    def _provide_alone(self, repository: str, blob: Blob, progress: Callable[[int], object]) -> str:
        if self._registry.has_blob(repository, blob.digest):
            progress(blob.size)
            return "present"
        attempt = 1
        while True:
            location = self._start(repository, blob)
            if not location:
                progress(blob.size)
                return "mounted"
            try:
                self._upload(repository, location, blob, progress)
            except RegistryError as error:
                if not error.is_transient or attempt >= UPLOADS:
                    raise
                self._retry.pause(attempt)
                attempt += 1
            else:
                return "copied"

    def _start(self, repository: str, blob: Blob) -> str:
        """Return where to upload a blob; empty if it was mounted. Who may not mount may upload."""
        mount_from = self._known.get(blob.digest) or blob.mount_from
        if mount_from:
            try:
                return self._registry.start_upload(repository, blob.digest, mount_from)
            except RegistryError as error:
                if error.is_transient:
                    raise
        return self._registry.start_upload(repository, blob.digest)

    def _upload(
        self, repository: str, location: str, blob: Blob, progress: Callable[[int], object]
    ) -> None:
        done = 0

        def check() -> Iterator[bytes]:
            nonlocal done
            seen = hashlib.sha256()
            with closing(blob.open()) as blocks:
                for block in blocks:
                    seen.update(block)
                    done += len(block)
                    progress(len(block))
                    yield block
            if done != blob.size or f"sha256:{seen.hexdigest()}" != blob.digest:
                raise RegistryError(
                    f"A layer is not what its digest {blob.digest} says: push its image again, "
                    "or build the runtime again if it is batchx's own.",
                    kind="damage",
                )

        try:
            self._registry.put_blob(repository, location, blob.digest, blob.size, check())
        except RegistryError:
            progress(-done)
            raise
