"""Groups what can be submitted together. Knows times and keys; knows no AWS."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_ARRAY_SIZE = 10_000
"""https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html"""

T = TypeVar("T")


@dataclass
class _Group(Generic[T]):
    first: float
    last: float
    items: list[T] = field(default_factory=list)


class Arrayer(Generic[T]):
    """Holds items of equal keys for a short, bounded moment, so that they can go together.

    A group is ready when it is full, when `hold_seconds` have passed since its first item, or when
    no item is expected and `quiet_seconds` have passed since its last. The clock (seconds,
    monotonic) is passed in. Safe to use from many threads.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        quiet_seconds: float,
        hold_seconds: float,
        max_size: int = MAX_ARRAY_SIZE,
    ) -> None:
        self._clock = clock
        self._quiet_seconds = quiet_seconds
        self._hold_seconds = hold_seconds
        self._max_size = max_size
        self._lock = threading.Lock()
        self._groups: dict[Hashable, _Group[T]] = {}
        self._full: list[list[T]] = []
        self._expected = 0
        self._expected_until = 0.0

    def expect(self) -> None:
        """Announce something that may bring items, and that `settle` ends."""
        with self._lock:
            self._expected += 1

    def settle(self) -> None:
        """End what `expect` announced."""
        with self._lock:
            self._expected -= 1

    def expect_for(self, seconds: float) -> None:
        """Announce that more items may come within so many seconds."""
        with self._lock:
            self._expected_until = self._clock() + seconds

    def add(self, key: Hashable, item: T) -> None:
        """Take an item in."""
        with self._lock:
            now = self._clock()
            group = self._groups.setdefault(key, _Group(now, now))
            group.last = now
            group.items.append(item)
            if len(group.items) == self._max_size:
                self._full.append(self._groups.pop(key).items)

    def take_ready(self) -> list[list[T]]:
        """Return the groups that need not wait any longer, and let them go."""
        with self._lock:
            now = self._clock()
            is_more_coming = self._expected > 0 or now < self._expected_until
            ready, self._full = self._full, []
            for key, group in list(self._groups.items()):
                is_quiet = not is_more_coming and now - group.last >= self._quiet_seconds
                if is_quiet or now - group.first >= self._hold_seconds:
                    ready.append(self._groups.pop(key).items)
            return ready

    def clear(self) -> list[T]:
        """Return all items that are held, and let them go."""
        with self._lock:
            groups = [*self._full, *(group.items for group in self._groups.values())]
            self._full, self._groups = [], {}
            return [item for group in groups for item in group]
