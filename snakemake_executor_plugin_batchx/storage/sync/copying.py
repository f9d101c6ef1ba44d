"""From S3 to S3, without passing through this machine."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.storage.copies import Copy
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.sync.places import End, PlaceError, S3Place
from snakemake_executor_plugin_batchx.storage.sync.plan import Action, Direction, Rules
from snakemake_executor_plugin_batchx.storage.sync.route import Watcher
from snakemake_executor_plugin_batchx.storage.sync.s3_listing import (
    BucketListing,
    find_object,
    get_file_name,
    open_source,
    resolve_file_name,
)


@dataclass(frozen=True)
class Copier:
    """Copies objects, whatever their names."""

    source: End
    target: End
    source_bucket: S3Gateway
    bucket: S3Gateway
    engine: Engine
    list_source: Callable[[], Iterable[Item]]
    list_target: Callable[[], Iterable[Item]]
    direction = Direction.COPY

    def check(self, rules: Rules) -> None:
        """Find nothing: what is a key there is one here."""

    def has_content(self, item: Item) -> bool:
        """Tell nothing: ETags, which listings tell, have been compared."""
        return False

    def move_all(self, actions: Iterator[Action], watcher: Watcher) -> None:
        """Copy objects, the markers of folders among them."""

        def count_file(copy: Copy) -> None:
            if copy.size or not copy.key.endswith("/"):
                watcher.add_file()

        copies = (self._make_copy(action.item) for action in actions)
        self.engine.copy_all(self.bucket, copies, watcher.add_bytes, count_file)

    def _make_copy(self, item: Item) -> Copy:
        return Copy(
            self.source_bucket.bucket,
            self.source.locate(item.name),
            item.size,
            item.etag,
            self.target.locate(item.name),
        )


def open_copier(
    source: S3Place, place: S3Place, buckets: tuple[S3Gateway, S3Gateway], engine: Engine
) -> Copier:
    """Return the way from one place in S3 to another.

    Raises BatchxError where nothing is, PlaceError where one lies within the other: copies would
    be copied in turn.
    """
    end, listing = open_source(buckets[0], source)
    if end.is_single:
        name = get_file_name(source)
        target = End(resolve_file_name(buckets[1], place, name).key, is_single=True)

        def list_target() -> Iterable[Item]:
            return find_object(buckets[1], target.base, name)

    else:
        target = End(place.as_folder().key)
        there = BucketListing(buckets[1], target.base)

        def list_target() -> Iterable[Item]:
            return there

    if source.bucket == place.bucket and is_nested(end, target):
        raise PlaceError(f"{source} and {place} lie within one another: name another DST.")
    return Copier(end, target, *buckets, engine, lambda: listing, list_target)


def is_nested(source: End, target: End) -> bool:
    """Tell whether what is at one end of a bucket is at the other, too."""
    if source.is_single:
        return source.base == target.base
    return source.base.startswith(target.base) or target.base.startswith(source.base)
