"""From disk to S3."""

import functools
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.sync.local_tree import LocalTree
from snakemake_executor_plugin_batchx.storage.sync.names import find_key_problem
from snakemake_executor_plugin_batchx.storage.sync.places import End, S3Place, as_folder
from snakemake_executor_plugin_batchx.storage.sync.plan import Action, Direction, Rules
from snakemake_executor_plugin_batchx.storage.sync.route import Watcher
from snakemake_executor_plugin_batchx.storage.sync.s3_listing import (
    BucketListing,
    find_object,
    resolve_file_name,
)
from snakemake_executor_plugin_batchx.storage.uploads import Upload
from snakemake_executor_plugin_batchx.storage.words import show_name

EXECUTABLE_BITS = 0o111
PERMISSION_BITS = 0o777


@dataclass(frozen=True)
class Sender:
    """Sends files; an empty folder becomes an object of no bytes, as S3's console makes it."""

    source: End
    target: End
    bucket: S3Gateway
    engine: Engine
    iter_names: Callable[[], Iterable[str]]
    list_source: Callable[[], Iterable[Item]]
    list_target: Callable[[], Iterable[Item]]
    direction = Direction.SEND

    def check(self, rules: Rules) -> None:
        """Raise BatchxError at links that cannot be followed, special files and bad names.

        Looks at every name, and at what a file is only where the folder does not say.
        """
        for name in filter(rules.filters.takes, self.iter_names()):
            problem = find_key_problem(self.target.locate(name))
            if problem:
                raise BatchxError(
                    f"{show_name(self.source.locate(name))} cannot be sent: {problem}; rename it, "
                    "or leave it out by --exclude."
                )

    def has_content(self, item: Item) -> bool:
        """Compare by checksum."""
        path = Path(self.source.locate(item.name))
        return self.engine.has_content(self.bucket, self.target.locate(item.name), path)

    def move_all(self, actions: Iterator[Action], watcher: Watcher) -> None:
        """Send files and the markers of empty folders."""

        def count_file(upload: Upload, _size: int) -> None:
            if not upload.key.endswith("/"):
                watcher.add_file()

        with tempfile.NamedTemporaryFile(prefix="batchx-empty-") as empty:
            uploads = (self._make_upload(action.item, Path(empty.name)) for action in actions)
            self.engine.upload_all(self.bucket, uploads, watcher.add_bytes, count_file)

    def _make_upload(self, item: Item, empty: Path) -> Upload:
        key = self.target.locate(item.name)
        if item.is_folder:
            return Upload(empty, key)
        return Upload(Path(self.source.locate(item.name)), key, choose_mode(item.mode))


def open_sender(
    source: str, place: S3Place, bucket: S3Gateway, engine: Engine, filters: Filters
) -> Sender:
    """Return the way from a file or folder to S3. Raises BatchxError where there is none."""
    try:
        status = os.stat(source)
    except OSError as error:
        raise BatchxError(f"{show_name(source)} cannot be sent: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        end = End(as_folder(source))
        prefix = place.as_folder().key
        tree = LocalTree(end.base, filters, is_strict=True)
        there = BucketListing(bucket, prefix)
        list_source = functools.partial(tree.iter_items, is_with_full_folders=False)
        target = End(prefix)
        return Sender(end, target, bucket, engine, tree.iter_names, list_source, lambda: there)
    if not stat.S_ISREG(status.st_mode):
        raise BatchxError(f"{show_name(source)} is neither a file nor a folder.")
    name = os.path.basename(source)
    key = resolve_file_name(bucket, place, name).key
    item = Item(name, status.st_size, status.st_mtime, mode=stat.S_IMODE(status.st_mode))
    return Sender(
        End(source, is_single=True),
        End(key, is_single=True),
        bucket,
        engine,
        lambda: [name],
        lambda: [item],
        lambda: find_object(bucket, key, name),
    )


def choose_mode(mode: int) -> int | None:
    """Return the permission bits that an object keeps: those of executable files.

    As FSx, DataSync and the gateways of AWS keep them, in x-amz-meta-file-permissions:
    https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
    """
    return mode & PERMISSION_BITS if mode & EXECUTABLE_BITS else None
