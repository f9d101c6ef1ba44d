"""What a listing of a folder or of a bucket consists of, in the one order that both can keep.

S3 lists by the bytes of whole keys
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html). Python compares texts by
code points, which is the order of their UTF-8 bytes; a folder's name ends with its slash.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Item:
    """A file or an object: its name below the top, size in bytes, time in seconds of the epoch.

    `name/` of no bytes is a folder: of files, one that is empty or one at the destination; of
    objects, what S3's console makes
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-folders.html). `mode` is known of
    files only, `etag` and `is_archived` of objects only.
    """

    name: str
    size: int
    mtime: float
    etag: str = ""
    mode: int = 0
    is_archived: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder, and has nothing that could move."""
        return self.name.endswith("/") and not self.size


class UnorderedError(Exception):
    """A listing is not in S3's order: directory buckets and some other servers have their own."""


def check_order(items: Iterable[Item]) -> Iterator[Item]:
    """Pass items on; raise UnorderedError at the first whose name is not after the one before."""
    last: str | None = None
    for item in items:
        if last is not None and item.name <= last:
            raise UnorderedError
        last = item.name
        yield item


def is_ordered(items: Sequence[Item]) -> bool:
    """Tell whether items are in order."""
    return all(before.name < after.name for before, after in pairwise(items))


def pair_items(
    source: Iterable[Item], destination: Iterable[Item]
) -> Iterator[tuple[Item, Item | None]]:
    """Yield each item of the source with the destination's of that name; both must be in order.

    Reads the destination only as far as the source goes, and keeps one item of each.
    """
    found = iter(destination)
    there = next(found, None)
    for item in source:
        while there is not None and there.name < item.name:
            there = next(found, None)
        yield item, there if there is not None and there.name == item.name else None
