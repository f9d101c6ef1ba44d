"""Listings of S3: in pages, lazily, and put in order where a server has its own."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from counting_watcher import CountingWatcher

from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.copies import Copy
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.items import Item, UnorderedError
from snakemake_executor_plugin_batchx.storage.sync.places import S3Place
from snakemake_executor_plugin_batchx.storage.sync.run import Order, run_sync
from snakemake_executor_plugin_batchx.storage.sync.s3_listing import (
    PAGE_ITEMS,
    BucketListing,
    ItemSpool,
)


class MemoryBucket:
    """A bucket that lists its keys in the order in which they came, and says how many it told."""

    def __init__(self, bucket: str, keys: Iterable[str] = ()) -> None:
        self.bucket = bucket
        self.objects = {
            key: ObjectFacts(key, 0 if key.endswith("/") else 1, 1.0, '"e"') for key in keys
        }
        self.told = 0
        self.listings = 0

    def list_below(self, prefix: str) -> Iterator[ObjectFacts]:
        self.listings += 1
        for key in [key for key in self.objects if key.startswith(prefix)]:
            self.told += 1
            yield self.objects[key]


class MemoryEngine:
    """Copies within memory."""

    def __init__(self) -> None:
        self.copied: list[str] = []

    def copy_all(
        self,
        bucket: MemoryBucket,
        copies: Iterable[Copy],
        on_bytes: Callable[[int], None],
        on_file: Callable[[Copy], None],
    ) -> None:
        for copy in copies:
            bucket.objects[copy.key] = ObjectFacts(copy.key, copy.size, 2.0, copy.etag)
            self.copied.append(copy.key)
            on_bytes(copy.size)
            on_file(copy)


def name_keys(count: int, prefix: str = "p/") -> list[str]:
    return [f"{prefix}{number:06}" for number in range(count)]


def list_names(listing: Iterable[Item]) -> list[str]:
    return [item.name for item in listing]


def make_listing(*keys: str) -> Any:
    return BucketListing(MemoryBucket("b", keys), "p/")


def test_names_go_on_after_the_prefix_and_its_own_marker_is_none() -> None:
    assert list_names(make_listing("p/", "p/a", "p/b/")) == ["a", "b/"]


def test_a_listing_is_read_as_far_as_it_is_asked_for() -> None:
    bucket: Any = MemoryBucket("b", name_keys(5 * PAGE_ITEMS))
    listing = BucketListing(bucket, "p/")
    assert not listing.is_empty()
    items = iter(listing)
    next(items)
    assert (bucket.told, bucket.listings) == (PAGE_ITEMS, 1)
    assert len(list(items)) == 5 * PAGE_ITEMS - 1
    assert bucket.listings == 1
    assert len(list(listing)) == 5 * PAGE_ITEMS
    assert bucket.listings == 2


def test_an_empty_listing() -> None:
    assert make_listing("q/a").is_empty()
    assert not make_listing("p/").is_empty()
    assert list(make_listing("p/")) == []


def test_a_listing_without_order_is_sorted() -> None:
    assert list_names(make_listing("p/c", "p/a", "p/b")) == ["a", "b", "c"]


def test_a_listing_that_loses_its_order_is_told_once() -> None:
    keys = name_keys(PAGE_ITEMS + 5)
    listing = make_listing(*keys[5:], *keys[:5])
    with pytest.raises(UnorderedError):
        list(listing)
    assert list_names(listing) == [key[2:] for key in keys]


@pytest.mark.parametrize("turned", ["source", "target"])
def test_a_sync_begins_anew_where_order_is_lost(turned: str) -> None:
    keys = name_keys(PAGE_ITEMS + 10)
    last = [*keys[5:-3], *keys[:5], *keys[-3:]]
    source: Any = MemoryBucket("source", last if turned == "source" else keys)
    target: Any = MemoryBucket("target", last if turned == "target" else [])
    buckets = {"source": source, "target": target}
    engine: Any = MemoryEngine()
    order = Order(S3Place("source", "p/"), S3Place("target", "p/"), Filters())
    counter = CountingWatcher()
    for _ in range(2):
        run_sync(order, engine, lambda name: buckets[name], counter)
    assert set(target.objects) == set(keys)
    assert counter.unchanged == len(keys)
    told: list[object] = []
    run_sync(order, engine, lambda name: buckets[name], counter, told.append)
    assert told == []


def test_a_spool_keeps_items_as_they_are() -> None:
    items = [Item("a\nb", 1 << 40, 1.123456789, '"e"'), Item("\udcff\U0001f600 \u2028", 0, 0.0)]
    with ItemSpool(items) as spool:
        assert list(spool) == items
        assert list(spool) == items
