"""A job's objects in S3: fetched while its Snakemake starts, sent together when it has ended."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from snakemake_executor_plugin_batchx.storage.gateway import LARGE_FILES_AT_ONCE, StorageError
from snakemake_executor_plugin_batchx.storage.s3_objects import (
    MISSING_CODES,
    ObjectFacts,
    ObjectGateway,
    set_mtime,
)
from snakemake_executor_plugin_batchx.storage.transfer import THREADS

TIMESTAMP = ".snakemake_timestamp"
"""The file by whose time Snakemake knows a directory's."""

T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """What there is under a name: a file or a directory.

    Sizes are bytes, of all files together; times seconds of the epoch, of the newest.
    """

    is_dir: bool
    size: int
    mtime: float


@dataclass(frozen=True)
class Place:
    """Where an object, or all objects below a key, belong on disk.

    `was_dir` tells that a directory stood there in S3 before.
    """

    bucket: ObjectGateway
    key: str
    path: Path
    was_dir: bool = False


class Exchange:
    """Moves the objects of one job, THREADS at once and LARGE_FILES_AT_ONCE of the large ones.

    Together at most 16 × 1 MiB and 4 × 4 × 8 MiB in buffers, whatever the sizes.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="batchx-s3")
        self._large = threading.BoundedSemaphore(LARGE_FILES_AT_ONCE)

    def open_bucket(self, client: Any, name: str, region: str | None) -> ObjectGateway:
        """Return a gateway to a bucket that keeps to this exchange's bounds."""
        return ObjectGateway(client, name, region, self._large)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do something beside the rest."""
        return self._pool.submit(work)

    def run_all(self, works: list[Callable[[], None]]) -> None:
        """Do all in parallel; the first failure ends what has not begun, and is raised."""
        futures = [self._pool.submit(work) for work in works]
        ended, rest = wait(futures, return_when=FIRST_EXCEPTION)
        for future in rest:
            future.cancel()
        wait(futures)
        for future in ended:
            future.result()

    def send(self, places: list[Place]) -> None:
        """Send files and directories, as they now are; what they replace in S3 goes.

        Raises StorageError, or OSError where a file cannot be read.
        """
        self.run_all([work for place in places for work in _iter_sends(place)])
        self.run_all([work for place in places for work in _iter_removals(place)])

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _iter_sends(place: Place) -> Iterator[Callable[[], None]]:
    for path, key in _iter_files(place):
        yield functools.partial(place.bucket.send_file, path, key)


def _iter_files(place: Place) -> Iterator[tuple[Path, str]]:
    """Yield files and their keys; as the s3 plugin does, links to directories are left out."""
    if not place.path.is_dir():
        yield place.path, place.key
        return
    for path in place.path.rglob("*"):
        if path.is_file():
            yield path, f"{place.key}/{path.relative_to(place.path).as_posix()}"


def _iter_removals(place: Place) -> Iterator[Callable[[], None]]:
    """Yield what takes away the objects of an earlier directory that are not made again."""
    if place.was_dir or place.path.is_dir():
        yield functools.partial(remove_leftovers, place)


def remove_leftovers(place: Place) -> None:
    """Delete what stood in S3 where a file or directory was sent, and is not part of it."""
    sent = {key for _, key in _iter_files(place)}
    stale = [facts.key for facts in place.bucket.list_below(place.key + "/")]
    if place.bucket.has_object(place.key):
        stale.append(place.key)
    place.bucket.delete_objects([key for key in stale if key not in sent])


class Fetch:
    """An object, or all objects below a key, on the way to their place."""

    def __init__(self, exchange: Exchange, place: Place) -> None:
        self._exchange = exchange
        self._place = place
        self._lock = threading.Lock()
        self._is_ended = False
        self._found: Found | None = None
        self._first = exchange.submit(self._fetch)

    def wait(self) -> Found | None:
        """Return what was found once it is in its place, None if S3 has nothing there.

        Raises StorageError, or OSError where it could not be written.
        """
        first = self._first.result()
        if not isinstance(first, list):
            return first
        # The parts are waited for here, not in the pool, whose threads they need.
        with self._lock:
            if not self._is_ended:
                self._found = self._finish_directory([part.result() for part in first])
                self._is_ended = True
        return self._found

    def _fetch(self) -> Found | list[Future[ObjectFacts]] | None:
        bucket, key, path = self._place.bucket, self._place.key, self._place.path
        try:
            facts = bucket.fetch_object(key, path)
        except StorageError as error:
            if error.code not in MISSING_CODES:
                raise
            if error.code == "NoSuchBucket":
                return None
        else:
            return Found(False, facts.size, path.stat().st_mtime)
        below = [each.key for each in bucket.list_below(key + "/")]
        return [self._exchange.submit(functools.partial(self._fetch_part, key)) for key in below]

    def _fetch_part(self, key: str) -> ObjectFacts:
        name = key.removeprefix(self._place.key + "/")
        if name != os.path.normpath(name) or name.startswith(("/", "../")):
            url = f"s3://{self._place.bucket.bucket}/{key}"
            raise StorageError(f"{url} cannot be a file in a directory: rename it.")
        return self._place.bucket.fetch_object(key, self._place.path / name)

    def _finish_directory(self, parts: list[ObjectFacts]) -> Found | None:
        if not parts:
            return None
        newest = max(part.mtime for part in parts)
        path = self._place.path
        for each in (path / TIMESTAMP, path):
            if each.exists():
                set_mtime(each, newest)
        return Found(True, sum(part.size for part in parts), path.stat().st_mtime)


def look_at(path: Path) -> Found:
    """Return what stands on disk. Raises FileNotFoundError where nothing does."""
    if not path.is_dir():
        status = path.stat()
        return Found(False, status.st_size, status.st_mtime)
    inner = [each.stat() for each in path.rglob("*") if each.is_file()]
    newest = max((status.st_mtime for status in inner), default=path.stat().st_mtime)
    return Found(True, sum(status.st_size for status in inner), newest)
