"""What is below a prefix, in order: as S3 lists it, or sorted where a server has its own order."""

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.options import ARCHIVES
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.sync.items import (
    Item,
    UnorderedError,
    check_order,
    is_ordered,
)
from snakemake_executor_plugin_batchx.storage.sync.places import End, S3Place
from snakemake_executor_plugin_batchx.storage.words import show_name

PAGE_ITEMS = 1000
"""What one request brings: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

MISSING_CODES = frozenset({"NoSuchKey", "404"})

SPOOL_BYTES = 32 * 1024 * 1024
"""A listing of some 300,000 objects; a longer one goes to a temporary file."""


def make_item(facts: ObjectFacts, name: str) -> Item:
    """Return an object as an item of this name."""
    is_archived = facts.storage_class in ARCHIVES
    return Item(name, facts.size, facts.mtime, facts.etag, is_archived=is_archived)


class BucketListing:
    """Objects below a prefix, lazily, as often as it is iterated; their names go on after it.

    Where the first ones are not in order it sorts them all, in memory. Raises UnorderedError, once,
    where later ones are not: iterated again, it sorts them.
    """

    def __init__(self, bucket: S3Gateway, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._begun: Iterator[ObjectFacts] | None = None
        self._is_sorting = False

    def __iter__(self) -> Iterator[Item]:
        facts, self._begun = self._begun or self._bucket.list_below(self._prefix), None
        # Without the marker of the prefix itself.
        items = (self._make_item(each) for each in facts if each.key != self._prefix or each.size)
        first = list(islice(items, PAGE_ITEMS))
        if self._is_sorting or not is_ordered(first):
            yield from sorted(chain(first, items), key=lambda item: item.name)
            return
        try:
            yield from check_order(chain(first, items))
        except UnorderedError:
            self._is_sorting = True
            raise

    def is_empty(self) -> bool:
        """Tell whether there is nothing; what is read for that is not read again."""
        facts = self._bucket.list_below(self._prefix)
        first = next(facts, None)
        self._begun = chain(() if first is None else (first,), facts)
        return first is None

    def _make_item(self, facts: ObjectFacts) -> Item:
        return make_item(facts, facts.key[len(self._prefix) :])


class ItemSpool:
    """Items, kept to be read several times: a long listing in a temporary file."""

    def __init__(self, items: Iterable[Item]) -> None:
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(
                tempfile.SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="ascii")
            )
            for item in items:
                row = (item.name, item.size, item.mtime, item.etag, item.mode, item.is_archived)
                self._file.write(f"{json.dumps(row)}\n")
            self._stack = stack.pop_all()

    def __enter__(self) -> "ItemSpool":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Item]:
        self._file.seek(0)
        for line in self._file:
            yield Item(*json.loads(line))


def spool_listing(listing: Iterable[Item]) -> ItemSpool:
    """Return a listing that is kept, in order."""
    try:
        return ItemSpool(listing)
    except UnorderedError:
        return ItemSpool(listing)


def find_object(bucket: S3Gateway, key: str, name: str) -> list[Item]:
    """Return the object of a key as an item of this name, or nothing."""
    try:
        return [make_item(bucket.inspect_object(key), name)]
    except StorageError as error:
        if error.code not in MISSING_CODES:
            raise
        return []


def resolve_file_name(bucket: S3Gateway, place: S3Place, name: str) -> S3Place:
    """Return where one file goes: the place, or the name in it where it is a folder."""
    is_folder = place.is_folder or not BucketListing(bucket, place.as_folder().key).is_empty()
    return place.join(name) if is_folder else place


def open_source(bucket: S3Gateway, place: S3Place) -> tuple[End, Iterable[Item]]:
    """Return where the objects of a place are, and their listing; a folder comes before an object.

    Raises BatchxError where there is neither.
    """
    prefix = place.as_folder().key
    listing = BucketListing(bucket, prefix)
    if not place.key or not listing.is_empty():
        return End(prefix), listing
    found = [] if place.is_folder else find_object(bucket, place.key, get_file_name(place))
    if not found:
        what = "nothing below it" if place.is_folder else "no object of this name, and none below"
        raise BatchxError(f"{show_name(str(place))} cannot be read: there is {what}.")
    return End(place.key, is_single=True), found


def get_file_name(place: S3Place) -> str:
    """Return the last part of a key."""
    return place.key.rpartition("/")[2]
