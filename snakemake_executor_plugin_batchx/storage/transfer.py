"""Files between disk and S3: many at once, in bounded memory, and never a wrong one."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from io import FileIO
from pathlib import Path
from typing import Protocol, TypeVar

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.gateway import LARGE_FILES_AT_ONCE, PART_BYTES

THREADS = 16
HASH_CHUNK_BYTES = 1024 * 1024
TEMPORARY_SUFFIX = ".batchx-part"

OnBytes = Callable[[int], None]
"""Called with a number of bytes now and then while they move; what it raises ends the transfer."""

T = TypeVar("T")
R = TypeVar("R")


class ObjectStore(Protocol):
    """What a transfer needs of the S3 gateway."""

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of an object from `offset` on."""

    def read_bytes(self, key: str) -> bytes:
        """Return a whole object."""

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object whole."""

    def upload_file(
        self, path: str | os.PathLike[str], key: str, on_bytes: OnBytes | None = None
    ) -> None:
        """Write a file of any size."""

    def download_file(
        self, key: str, path: str | os.PathLike[str], on_bytes: OnBytes | None = None
    ) -> None:
        """Read an object of any size into a file."""

    def has_object(self, key: str) -> bool:
        """Tell whether there is an object of this key."""


class TransferStoppedError(BatchxError):
    """Files are not moved any more: the run is ending."""


def hash_file(path: str | os.PathLike[str], on_bytes: OnBytes | None = None) -> str:
    """Return the SHA-256 (hex) of a file's content, read in chunks."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
            if on_bytes is not None:
                on_bytes(len(chunk))
    return digest.hexdigest()


class Transfer:
    """Moves files, at most THREADS at once and LARGE_FILES_AT_ONCE of the large ones.

    Counts the bytes it moved. To be closed: use it in a `with`.
    """

    def __init__(self, store: ObjectStore, threads: int = THREADS) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batchx-transfer")
        self._large = threading.BoundedSemaphore(LARGE_FILES_AT_ONCE)
        self._count_lock = threading.Lock()
        self._is_stopped = threading.Event()
        self.bytes_in = 0
        self.bytes_out = 0

    def __enter__(self) -> "Transfer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def stop(self) -> None:
        """End what is under way, and begin nothing more: it raises TransferStoppedError."""
        self._is_stopped.set()

    def _check_running(self, _bytes: int = 0) -> None:
        if self._is_stopped.is_set():
            raise TransferStoppedError("Files are not moved any more: the run is ending.")

    def run_all(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do `work` on all items in parallel; the first failure ends the rest and is raised.

        When this returns or raises, nothing of it goes on.
        """

        def run(item: T) -> R:
            self._check_running()
            return work(item)

        items = list(items)
        if len(items) <= 1:  # not worth a change of threads, of which thousands of jobs make many
            return list(map(run, items))
        futures = [self._pool.submit(run, item) for item in items]
        try:
            ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
            wait(futures)

    def fetch_blob(self, blob: Blob, path: str | os.PathLike[str]) -> None:
        """Write a blob to `path`: to a temporary name first, renamed when its checksum holds."""
        target = Path(path)
        if blob.size <= PART_BYTES:
            data = self._store.read_range(blob.key, blob.offset, blob.size) if blob.size else b""
            write_content(blob, data, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with make_temporary(target) as temporary:
                with self._large:  # a large file is an object of its own: no offset
                    self._store.download_file(blob.key, temporary, self._check_running)
                check_content(blob, temporary.stat().st_size, hash_file(temporary), target)
                temporary.replace(target)
        with self._count_lock:
            self.bytes_in += blob.size

    def send_file(
        self, path: str | os.PathLike[str], make_key: Callable[[str], str], *, may_exist: bool
    ) -> Blob:
        """Send a file to the key that `make_key` gives for its SHA-256; return where it is.

        With `may_exist` the key names the content, so a large file that is there is not sent.
        Raises BatchxError where the file changed while it was sent.
        """
        size = os.stat(path).st_size
        if size <= PART_BYTES:
            data = Path(path).read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            self._store.write_bytes(make_key(sha256), data)
            size = len(data)
        else:
            with self._large:
                before = os.stat(path)
                sha256 = hash_file(path, self._check_running)
                if not (may_exist and self._store.has_object(make_key(sha256))):
                    self._store.upload_file(path, make_key(sha256), self._check_running)
                after = os.stat(path)
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise BatchxError(f"{path} changed while it was being sent to S3: run it again.")
        with self._count_lock:
            self.bytes_out += size
        return Blob(make_key(sha256), 0, size, sha256)


def write_content(blob: Blob, data: bytes, target: Path) -> None:
    """Write a blob's content to `target`, whole or not at all.

    Raises BatchxError where `data` is not the blob's content.
    """
    check_content(blob, len(data), hashlib.sha256(data).hexdigest(), target)
    with make_temporary(target) as temporary:
        try:
            temporary.write_bytes(data)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
        temporary.replace(target)


def place_content(blob: Blob, data: bytes, target: str, *, mode: int, time_ns: int) -> int:
    """Write a blob's content to `target` as write_content does, with its mode and time.

    Returns the modification time that the disk keeps. Few calls of the system, for small files by
    the thousand.
    """
    check_content(blob, len(data), hashlib.sha256(data).hexdigest(), target)
    temporary = name_temporary(target)
    try:
        with _open_new(temporary) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fchmod(file.fileno(), mode)
            os.utime(file.fileno(), ns=(time_ns, time_ns))
            kept_ns = os.fstat(file.fileno()).st_mtime_ns
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return kept_ns


def _open_new(path: str) -> FileIO:
    try:
        return FileIO(path, "w")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return FileIO(path, "w")


def name_temporary(target: str) -> str:
    """Return a name beside `target` that nobody else uses."""
    folder, name = os.path.split(target)
    unique = f".{os.getpid()}-{threading.get_ident()}{TEMPORARY_SUFFIX}"
    return os.path.join(folder, f".{name[:40]}{unique}")


def check_content(blob: Blob, size: int, sha256: str, path: str | os.PathLike[str]) -> None:
    """Raise BatchxError where what arrived is not what was sent."""
    if (size, sha256) != (blob.size, blob.sha256):
        raise BatchxError(
            f"{path} did not arrive as it was sent: {size} bytes with SHA-256 {sha256[:12]}… "
            f"instead of {blob.size} with {blob.sha256[:12]}… from {blob.key}."
        )


@contextlib.contextmanager
def make_temporary(target: Path) -> Iterator[Path]:
    """Yield a name beside `target` that nobody else uses; nothing is left of it afterwards."""
    temporary = Path(name_temporary(os.fspath(target)))
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
