"""Which fault a call to Batch meets: pure, from a random number generator and rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

SUBMIT = "submitjob"


class Fault(StrEnum):
    """What a call meets instead of its answer."""

    NONE = "none"
    THROTTLED = "throttled"
    FAILED_BEFORE = "failed before it was carried out"
    FAILED_AFTER = "failed after it was carried out"
    ANSWER_LOST = "carried out, answer lost"


@dataclass(frozen=True)
class FaultRates:
    """How often each fault comes: shares of calls, between 0 and 1.

    ``hidden`` is of jobs that are missing in answers at first, and ``vanishing`` of looks after
    which a job is missing for a while; ``*_seconds`` are the longest times.
    """

    throttled: float = 0.30
    failed: float = 0.05
    answer_lost: float = 0.10
    slow: float = 0.10
    slow_seconds: float = 1.5
    hidden: float = 0.30
    vanishing: float = 0.01
    hidden_seconds: float = 3.0


@dataclass(frozen=True)
class CallPlan:
    """What one call meets, and how long it waits before it is carried out and before its answer."""

    fault: Fault
    seconds_before: float = 0.0
    seconds_after: float = 0.0


def plan_call(random: Random, rates: FaultRates, operation: str) -> CallPlan:
    """Draw what a call meets; ``operation`` is the last part of its path, such as submitjob."""
    return CallPlan(
        _draw_fault(random, rates, operation), _draw_wait(random, rates), _draw_wait(random, rates)
    )


def _draw_fault(random: Random, rates: FaultRates, operation: str) -> Fault:
    """Draw a fault; each rate is of all calls, the lost answers' of submissions."""
    lost = rates.answer_lost if operation == SUBMIT else 0.0
    shares = {
        Fault.THROTTLED: rates.throttled,
        Fault.FAILED_BEFORE: rates.failed / 2,
        Fault.FAILED_AFTER: rates.failed / 2,
        Fault.ANSWER_LOST: lost,
    }
    drawn = random.random()
    for fault, share in shares.items():
        if drawn < share:
            return fault
        drawn -= share
    return Fault.NONE


def _draw_wait(random: Random, rates: FaultRates) -> float:
    is_slow = random.random() < rates.slow / 2
    return random.uniform(0.0, rates.slow_seconds) if is_slow else 0.0


@dataclass
class Visibility:
    """Which jobs answers leave out: new ones at first, others at random, each for a while."""

    random: Random
    rates: FaultRates
    read_now: Callable[[], float]
    hidden_until: dict[tuple[str, str], float] = field(default_factory=dict)

    def note_submitted(self, job_id: str) -> None:
        """Decide for how long a new job is missing in either kind of answer."""
        for view in ("describejobs", "listjobs"):
            if self.random.random() < self.rates.hidden:
                self._hide(view, job_id)

    def is_shown(self, view: str, job_id: str) -> bool:
        """Return whether an answer holds a job; an array's children hide with their parent."""
        parent = job_id.partition(":")[0]
        if self.hidden_until.get((view, parent), 0.0) > self.read_now():
            return False
        if self.random.random() < self.rates.vanishing:
            self._hide(view, parent)
        return True

    def _hide(self, view: str, job_id: str) -> None:
        seconds = self.random.uniform(0.0, self.rates.hidden_seconds)
        self.hidden_until[view, job_id] = self.read_now() + seconds
