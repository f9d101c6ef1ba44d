"""From S3 to disk."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.archives import require_restored
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.room import FindFree, find_free_bytes
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.sync.local_tree import LocalTree
from snakemake_executor_plugin_batchx.storage.sync.names import KeyChecker
from snakemake_executor_plugin_batchx.storage.sync.places import SCHEME, End, S3Place, as_folder
from snakemake_executor_plugin_batchx.storage.sync.plan import (
    Action,
    Direction,
    Kind,
    Rules,
    plan_actions,
)
from snakemake_executor_plugin_batchx.storage.sync.route import Watcher
from snakemake_executor_plugin_batchx.storage.sync.s3_listing import (
    get_file_name,
    open_source,
    spool_listing,
)
from snakemake_executor_plugin_batchx.storage.wanted import Download
from snakemake_executor_plugin_batchx.storage.words import format_size, show_name

PERMISSION_BITS = 0o777


@dataclass(frozen=True)
class Fetcher:
    """Fetches objects. A folder's marker becomes a folder, and a file gets its object's time."""

    source: End
    target: End
    bucket: S3Gateway
    engine: Engine
    list_source: Callable[[], Iterable[Item]]
    list_target: Callable[[], Iterable[Item]]
    find_free: FindFree
    restore_days: int | None
    direction = Direction.FETCH

    def check(self, rules: Rules) -> None:
        """Raise BatchxError where names, what is in the way, the disk or archives forbid it."""
        keys = KeyChecker(lambda name: f"{SCHEME}{self.bucket.bucket}/{self.source.locate(name)}")
        ground = Ground(self.find_free)
        archived: list[str] = []
        for action in plan_actions(self.list_source(), self.list_target(), rules):
            keys.check(action.item)
            if action.kind is not Kind.SKIP:
                ground.check(action, self.target.locate(action.item.name))
                if action.item.is_archived:
                    archived.append(self.source.locate(action.item.name))
        ground.check_room(self.target.base)
        require_restored(self.engine, self.bucket, archived, self.restore_days)

    def has_content(self, item: Item) -> bool:
        """Compare by checksum."""
        path = Path(self.target.locate(item.name))
        return self.engine.has_content(self.bucket, self.source.locate(item.name), path)

    def move_all(self, actions: Iterator[Action], watcher: Watcher) -> None:
        """Fetch objects and make folders."""

        def finish_file(download: Download, facts: ObjectFacts) -> None:
            if facts.mode is not None:
                download.target.chmod(facts.mode & PERMISSION_BITS)
            watcher.add_file()

        if not self.target.is_single:
            os.makedirs(self.target.base, exist_ok=True)
        self.engine.download_all(
            self.bucket, self._iter_downloads(actions), watcher.add_bytes, finish_file
        )

    def _iter_downloads(self, actions: Iterator[Action]) -> Iterator[Download]:
        for action in actions:
            item = action.item
            target = self.target.locate(item.name)
            if item.is_folder:
                os.makedirs(target, exist_ok=True)
            else:
                key = self.source.locate(item.name)
                etag = item.etag or None
                yield Download(key, Path(target), item.size, etag, is_dated=True)


class Ground:
    """What the disk has at the places of files to be fetched, and the room that they need."""

    def __init__(self, find_free: FindFree) -> None:
        self._find_free = find_free
        self._folder: str | None = None
        self._is_there = False
        self._needed_bytes = 0

    def check(self, action: Action, path: str) -> None:
        """Raise BatchxError where something stands in the way of a file or folder."""
        folder = path if action.item.is_folder else os.path.dirname(path)
        if folder != self._folder:
            self._folder = folder
            found = find_existing(folder)
            self._is_there = found == (folder or os.curdir)
            if not os.path.isdir(found):
                raise BatchxError(
                    f"{show_name(path)} cannot be written: {show_name(found)} is no folder."
                )
            if not os.access(found, os.W_OK | os.X_OK):
                raise BatchxError(
                    f"{show_name(path)} cannot be written: {os.strerror(errno.EACCES)} in "
                    f"{show_name(found)}."
                )
        if action.item.is_folder:
            return
        if action.replaced is None and self._is_there and is_no_file(path):
            raise BatchxError(f"{show_name(path)} cannot be written: it is no file here.")
        there = action.replaced.size if action.replaced else 0
        self._needed_bytes += max(action.item.size - there, 0)

    def check_room(self, path: str) -> None:
        """Raise BatchxError where the disk has too little for all of them."""
        folder = find_existing(os.path.abspath(path))
        free = self._find_free(folder)
        if free < self._needed_bytes:
            while not os.path.ismount(folder):
                folder = os.path.dirname(folder)
            raise BatchxError(
                f"{show_name(path)} needs {format_size(self._needed_bytes)}, has "
                f"{format_size(free)} on {show_name(folder)}: free some, or name a folder on a "
                "larger disk."
            )


def find_existing(path: str) -> str:
    """Return a path, or the nearest folder or file above it that exists."""
    path = path or os.curdir
    while not os.path.exists(path):
        path = os.path.dirname(path.rstrip("/")) or os.curdir
    return path


def is_no_file(path: str) -> bool:
    """Tell whether something stands there that is no regular file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # nothing, or a link that leads nowhere, which is replaced
        return False


def open_fetcher(
    source: S3Place,
    target: str,
    bucket: S3Gateway,
    engine: Engine,
    stack: ExitStack,
    restore_days: int | None = None,
    find_free: FindFree = find_free_bytes,
) -> Fetcher:
    """Return the way from S3 to disk; its copy of the listing is closed by `stack`.

    Raises BatchxError where there is nothing to be fetched.
    """
    end, listing = open_source(bucket, source)
    if end.is_single:
        name = get_file_name(source)
        is_folder = target.endswith("/") or os.path.isdir(target)
        path = os.path.join(target, name) if is_folder else target

        def list_target() -> Iterable[Item]:
            if not os.path.isfile(path):
                return []
            status = os.stat(path)
            return [Item(name, status.st_size, status.st_mtime)]

        file = End(path, is_single=True)
        return Fetcher(
            end, file, bucket, engine, lambda: listing, list_target, find_free, restore_days
        )
    spool = stack.enter_context(spool_listing(listing))
    top = End(as_folder(target))
    tree = LocalTree(top.base, Filters(), is_strict=False)

    def list_tree() -> Iterable[Item]:
        is_there = os.path.isdir(top.base)
        return tree.iter_items(is_with_full_folders=True) if is_there else []

    return Fetcher(end, top, bucket, engine, lambda: spool, list_tree, find_free, restore_days)
