"""A job's objects in S3: fetched while its Snakemake starts, sent together when it has ended."""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.downloads import download
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.kept_files import KeptFiles, Wanted
from snakemake_executor_plugin_batchx.storage.refusals import MISSING_CODES, StorageError
from snakemake_executor_plugin_batchx.storage.s3_objects import ObjectGateway, set_mtime
from snakemake_executor_plugin_batchx.storage.uploads import Upload
from snakemake_executor_plugin_batchx.storage.wanted import Download
from snakemake_executor_plugin_batchx.storage.wire import Wire

TIMESTAMP = ".snakemake_timestamp"
"""The file by whose time Snakemake knows a directory's."""


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

    `was_dir` tells that a directory stood there in S3 before; with `kept`, the job's host may have
    the content already.
    """

    bucket: ObjectGateway
    key: str
    path: Path
    was_dir: bool = False
    kept: KeptFiles | None = None


class Exchange:
    """Moves the objects of one job."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def send(self, places: list[Place]) -> None:
        """Send files and directories, as they now are; what they replace in S3 goes.

        Raises StorageError, or OSError where a file cannot be read.
        """
        for bucket, mine in _sort_by_bucket(places).items():
            self._send_to(bucket, mine)
        leftovers = [p for p in places if p.was_dir or p.path.is_dir()]
        self.engine.gather(functools.partial(_remove_beside, self.engine.wire), leftovers)

    def _send_to(self, bucket: ObjectGateway, places: list[Place]) -> None:
        try:
            self.engine.upload_all(bucket, _iter_uploads(places))
        except StorageError as error:
            if error.code != "NoSuchBucket":
                raise
            bucket.create_bucket()
            self.engine.upload_all(bucket, _iter_uploads(places))

    def close(self) -> None:
        """Begin nothing more, and end what is under way."""
        self.engine.__exit__(None, None, None)


def _sort_by_bucket(places: list[Place]) -> dict[ObjectGateway, list[Place]]:
    found: dict[ObjectGateway, list[Place]] = {}
    for place in places:
        found.setdefault(place.bucket, []).append(place)
    return found


def _iter_uploads(places: list[Place]) -> Iterator[Upload]:
    return (Upload(path, key) for place in places for path, key in _iter_files(place))


def _iter_files(place: Place) -> Iterator[tuple[Path, str]]:
    """Yield files and their keys; as the s3 plugin does, links to directories are left out."""
    if not place.path.is_dir():
        yield place.path, place.key
        return
    for path in place.path.rglob("*"):
        if path.is_file():
            yield path, f"{place.key}/{path.relative_to(place.path).as_posix()}"


async def _remove_beside(wire: Wire, place: Place) -> None:
    await wire.call(functools.partial(remove_leftovers, place))


def remove_leftovers(place: Place) -> None:
    """Delete what stood in S3 where a file or directory was sent, and is not part of it."""
    sent = {key for _, key in _iter_files(place)}
    stale = [facts.key for facts in _iter_below(place)]
    if place.bucket.has_object(place.key):
        stale.append(place.key)
    place.bucket.delete_objects([key for key in stale if key not in sent])


def _iter_below(place: Place) -> Iterator[ObjectFacts]:
    """Yield the objects below a key, but not the markers of folders."""
    below = place.bucket.list_below(place.key + "/")
    return (facts for facts in below if not facts.key.endswith("/"))


def _list_below(place: Place) -> list[ObjectFacts]:
    """Return the objects below a key; none where the bucket is missing, which HeadObject hides."""
    try:
        return list(_iter_below(place))
    except StorageError as error:
        if error.code != "NoSuchBucket":
            raise
        return []


class Fetch:
    """An object, or all objects below a key, on the way to their place."""

    def __init__(self, engine: Engine, place: Place) -> None:
        self._engine = engine
        self._place = place
        self._ended = engine.submit(self._fetch())

    def wait(self) -> Found | None:
        """Return what was found once it is in its place, None if S3 has nothing there.

        Raises StorageError, or OSError where it could not be written.
        """
        return self._ended.result()

    async def _fetch(self) -> Found | None:
        place = self._place
        try:
            facts = await self._fetch_object()
        except StorageError as error:
            if error.code not in MISSING_CODES:
                raise
            if error.code == "NoSuchBucket":
                return None
        else:
            return Found(False, facts.size, place.path.stat().st_mtime)
        below = await self._engine.wire.call(lambda: _list_below(place))
        downloads = [self._plan_part(each) for each in below]
        if place.kept is not None:
            await self._fetch_kept(place.kept, list(zip(below, downloads, strict=True)))
            return self._finish_directory(below)
        await self._engine.wire.run_each(downloads, self._fetch_part)
        return self._finish_directory(below)

    async def _fetch_part(self, wanted: Download) -> None:
        await download(self._engine.wire, self._place.bucket, wanted)

    async def _fetch_object(self) -> ObjectFacts:
        """Bring the object of the very key, without listing what is below it."""
        place = self._place
        if place.kept is None:
            wanted = Download(place.key, place.path, is_dated=True)
            return await download(self._engine.wire, place.bucket, wanted)
        wire = self._engine.wire
        facts = await wire.call(lambda: place.bucket.inspect_object(place.key))
        wanted = Download(facts.key, place.path, facts.size, facts.etag, is_dated=True)
        await self._fetch_kept(place.kept, [(facts, wanted)])
        return facts

    async def _fetch_kept(
        self, kept: KeptFiles, found: Sequence[tuple[ObjectFacts, Download]]
    ) -> None:
        """Bring objects to their places, from the host if it has them as S3 has them now."""
        bucket = self._place.bucket
        wanted = {
            Wanted(
                identity=f"s3://{bucket.bucket}/{facts.key} {facts.etag}",
                size=facts.size,
                mtime_ns=round(facts.mtime * 1e9),
                target=each.target,
            ): each
            for facts, each in found
        }

        def fetch_all(errands: Sequence[tuple[Wanted, Path]]) -> None:
            downloads = (replace(wanted[each], target=path) for each, path in errands)
            self._engine.download_all(bucket, downloads)

        # It may wait for other jobs of the host.
        await self._engine.wire.call_waiting(lambda: kept.provide_all(list(wanted), fetch_all))

    def _plan_part(self, facts: ObjectFacts) -> Download:
        name = facts.key.removeprefix(self._place.key + "/")
        if name != os.path.normpath(name) or name.startswith(("/", "../")):
            url = f"s3://{self._place.bucket.bucket}/{facts.key}"
            raise StorageError(f"{url} cannot be a file in a directory: rename it.")
        path = self._place.path / name
        return Download(facts.key, path, facts.size, facts.etag, is_dated=True)

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
