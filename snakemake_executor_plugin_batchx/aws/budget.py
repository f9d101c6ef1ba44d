"""How often we may ask AWS: one budget for all Batch calls of the process."""

import threading
from collections import Counter
from collections.abc import Callable

BATCH_CALLS_PER_SECOND = 20.0
"""AWS allows 50 a second per account and region, shared with everybody else in it
(https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html)."""

BURST = 20


class CallBudget:
    """A token bucket: `spend` waits until a call may be made, and counts it by name.

    Clock and sleep are passed in; safe to use from many threads.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        calls_per_second: float = BATCH_CALLS_PER_SECOND,
        burst: int = BURST,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._rate = calls_per_second
        self._burst = burst
        self._tokens = float(burst)
        self._updated = clock()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def spend(self, operation: str) -> None:
        """Take one token, waiting for it if need be."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
            self._updated = now
            self._tokens -= 1
            wait_seconds = max(0.0, -self._tokens / self._rate)
            self._counts[operation] += 1
        if wait_seconds:
            self._sleep(wait_seconds)

    def get_counts(self) -> dict[str, int]:
        """Return how many calls of each operation were made."""
        with self._lock:
            return dict(self._counts)
