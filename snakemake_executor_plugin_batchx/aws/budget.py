"""How often we may ask AWS: one budget for all Batch calls of the process."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["submit", "watch", "cancel"]

CALLS_PER_SECOND: Mapping[Purpose, float] = {"submit": 15.0, "watch": 8.0, "cancel": 7.0}
"""Each purpose's own share, so that none waits behind another: "submit" is all that leads to a
submission (queues, definitions, too), "watch" is looking, "cancel" is ending jobs.

Together 30 a second: AWS allows 50 per account and region, shared with everybody else in it
(https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html)."""

BURST_SECONDS = 0.5
"""What an idle share saves up: so much time's calls may come at once."""

DECREASE = 0.5
INCREASE = 0.02
"""By how much of the full rates a call that AWS took raises them again."""

LOWEST = 1 / 8
"""The rates never fall below this part of what they are."""

SETTLE_SECONDS = 1.0
"""Throttled answers this soon after a decrease are to calls that were under way before it."""


@dataclass
class _Bucket:
    """Calls that may be made now; below zero where callers wait for theirs."""

    rate: float
    tokens: float
    updated: float


class CallBudget:
    """A token bucket a purpose: `spend` waits until a call may be made, and counts it by name.

    All rates fall together when AWS throttles, and recover slowly with the calls that it takes.
    Rates are calls per second; clock (seconds) and sleep are passed in. Safe to use from many
    threads.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        rates: Mapping[Purpose, float] = CALLS_PER_SECOND,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        now = clock()
        self._buckets = {
            purpose: _Bucket(rate, max(1.0, rate * BURST_SECONDS), now)
            for purpose, rate in rates.items()
        }
        self._part = 1.0
        self._decreased_at = -SETTLE_SECONDS
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def spend(self, purpose: Purpose, operation: str) -> None:
        """Take one call from a purpose's share, waiting for it if need be."""
        with self._lock:
            bucket = self._buckets[purpose]
            self._fill(bucket)
            bucket.tokens -= 1
            wait_seconds = max(0.0, -bucket.tokens / (bucket.rate * self._part))
            self._counts[operation] += 1
        if wait_seconds:
            self._sleep(wait_seconds)

    def note_throttled(self) -> None:
        """Halve all rates: AWS says that calls of this account come too fast."""
        with self._lock:
            now = self._clock()
            if now - self._decreased_at >= SETTLE_SECONDS:
                self._fill_all()
                self._decreased_at = now
                self._part = max(LOWEST, self._part * DECREASE)

    def note_success(self) -> None:
        """Raise lowered rates a little: AWS took a call."""
        with self._lock:
            if self._part < 1:
                self._fill_all()
                self._part = min(1.0, self._part + INCREASE)

    def get_counts(self) -> dict[str, int]:
        """Return how many calls of each operation were made."""
        with self._lock:
            return dict(self._counts)

    def _fill_all(self) -> None:
        """Bring the buckets up to now, before the rates change."""
        for bucket in self._buckets.values():
            self._fill(bucket)

    def _fill(self, bucket: _Bucket) -> None:
        now = self._clock()
        rate = bucket.rate * self._part
        gained = (now - bucket.updated) * rate
        bucket.tokens = min(max(1.0, rate * BURST_SECONDS), bucket.tokens + gained)
        bucket.updated = now


def open_budget(rates: Mapping[Purpose, float] = CALLS_PER_SECOND) -> CallBudget:
    """Return a budget that goes by this machine's clock."""
    return CallBudget(time.monotonic, time.sleep, rates)
