"""How much of its disk a host's cache takes, and what goes when another file needs the room."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.job.cache_slot import Slot, SlotUse, take_lock

LOCK = "room.lock"

LOCK_SECONDS = 10.0
"""Whoever holds it looks at some hundred files; longer, and its holder has been stopped."""

LOCK_POLL_SECONDS = 0.02

DEFAULT_SHARE = 0.5
"""Of the disk, for a cache without a bound of its own."""

FREE_SHARE = 0.05
"""Of the disk, that the cache never takes: the host's images and the jobs' own files need some."""


class Room:
    """The room of one cache: `root` holds its slots, `max_bytes` bounds their sum.

    A job takes room before it fetches, so that many that begin at once keep to the bound together.
    """

    def __init__(
        self,
        root: Path,
        max_bytes: int | None,
        boot: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._root = root
        self._boot = boot
        self._clock = clock
        self._sleep = sleep
        disk = os.statvfs(root)
        total = disk.f_blocks * disk.f_frsize
        self.max_bytes = int(total * DEFAULT_SHARE) if max_bytes is None else max_bytes
        self._floor_bytes = int(total * FREE_SHARE)

    def reserve_all(self, requests: Sequence[tuple[Slot, int]]) -> list[Path | None]:
        """Return a folder for each file of so many bytes, None for those that find no room.

        The caller holds the locks of the slots, not shared. What was unused for longest goes, but
        nothing that a job uses now, and nothing in vain; what killed jobs left goes in any case.
        Raises OSError.
        """
        with contextlib.ExitStack() as stack:
            if not self._enter(stack):
                return [None] * len(requests)
            uses = self._list_uses()
            parts: list[Path | None] = []
            for slot, size in requests:
                rest = self._make_room(size, uses)
                part = None
                if rest is not None:
                    part = slot.begin(size)
                    uses = [*rest, slot.measure()]
                parts.append(part)
            return parts

    def _enter(self, stack: contextlib.ExitStack) -> bool:
        """Wait for the lock that is held while room is made; False where that is in vain."""
        deadline = self._clock() + LOCK_SECONDS
        while True:
            lock = take_lock(self._root / LOCK, is_shared=False)
            if lock is not None:
                stack.callback(lock.release)
                return True
            if self._clock() >= deadline:
                return False
            self._sleep(LOCK_POLL_SECONDS)

    def _list_uses(self) -> list[SlotUse]:
        """Return what each slot takes, those unused for longest first, without leftovers."""
        uses = []
        with os.scandir(self._root) as entries:
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):  # being made or removed
                use = Slot(Path(folder), self._boot).measure()
                if use.has_file or not _remove_unused(use.slot):
                    uses.append(use)
        return sorted(uses, key=lambda use: use.last_used)

    def _make_room(self, size: int, uses: list[SlotUse]) -> list[SlotUse] | None:
        """Remove what has to go for `size` bytes; return what is left, None if it is not enough."""
        disk = os.statvfs(self._root)
        free = disk.f_bavail * disk.f_frsize - sum(use.missing for use in uses)
        spare = min(self.max_bytes - _sum_sizes(uses), free - self._floor_bytes)
        victims: list[SlotUse] = []
        with contextlib.ExitStack() as stack:
            for use in uses:
                if spare >= size:
                    break
                lock = use.slot.lock(is_shared=False) if use.has_file else None
                if lock is not None:
                    stack.callback(lock.release)
                    victims.append(use)
                    spare += use.size
            if spare < size:
                return None
            for use in victims:
                use.slot.remove()
        return [use for use in uses if use not in victims]


def _sum_sizes(uses: Iterable[SlotUse]) -> int:
    return sum(use.size for use in uses)


def _remove_unused(slot: Slot) -> bool:
    """Remove a slot without a file, unless somebody is at work in it."""
    lock = slot.lock(is_shared=False)
    if lock is None:
        return False
    try:
        if slot.has_file():  # it has just come
            return False
        slot.remove()
    finally:
        lock.release()
    return True
