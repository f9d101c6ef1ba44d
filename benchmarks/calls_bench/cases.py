"""What the heads have to bring through."""

import math
import random
from collections import Counter
from dataclasses import dataclass

JOB_SECONDS = 600.0
"""From its submission to its end."""

TRICKLE_SECONDS = (10.0, 600.0)
SEED = 5


@dataclass(frozen=True)
class Case:
    """Jobs that all could share an array, and how they come.

    At most `most_at_once` are on their way (`-j`), at most `per_second` are handed over a second
    (`--max-jobs-per-timespan`; None: no limit). With `is_varied` a job takes, evenly on a
    logarithmic scale and by a fixed seed, 10 to 600 s from its submission to its end.
    """

    jobs: int
    most_at_once: int
    per_second: int | None = None
    is_varied: bool = False

    def make_durations(self) -> list[float]:
        """Return how many seconds each job takes, in the order in which they are submitted."""
        if not self.is_varied:
            return [JOB_SECONDS] * self.jobs
        draw = random.Random(SEED)
        shortest, longest = map(math.log, TRICKLE_SECONDS)
        return [math.exp(draw.uniform(shortest, longest)) for _ in range(self.jobs)]


CASES = {
    "1": Case(1, 1),
    "100": Case(100, 100),
    "10000": Case(10_000, 10_000),
    "10000_paced": Case(10_000, 10_000, per_second=100),
    "trickle": Case(5000, 500, per_second=100, is_varied=True),
}


@dataclass(frozen=True)
class Bill:
    """The Batch calls that a head made, by name, and when it had seen all jobs end."""

    calls: Counter[str]
    seconds: float


class Portions:
    """Snakemake's side: how many jobs may be handed over now (job_scheduler.py, JobRateLimiter)."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._window: list[float] = []
        self.handed = 0
        self.ended = 0

    @property
    def is_done(self) -> bool:
        """Whether all jobs have been seen to have ended."""
        return self.ended == self._case.jobs

    def take(self, now: float) -> int:
        """Return how many jobs come now, and count them as handed over."""
        count = min(
            self._case.jobs - self.handed,
            self._case.most_at_once - (self.handed - self.ended),
            self.count_free(now),
        )
        self.handed += count
        self._window += [now] * count
        return count

    def count_free(self, now: float) -> int:
        """Return how many more the limit per second allows now."""
        if self._case.per_second is None:
            return self._case.jobs
        self._window = [each for each in self._window if each > now - 1]
        return self._case.per_second - len(self._window)
