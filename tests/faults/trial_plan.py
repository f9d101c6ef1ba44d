"""What is done to the head in a trial, and when: drawn from the trial's own seed."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum
from random import Random

EARLIEST, LATEST = 0.03, 0.97
"""Between these shares of an undisturbed run's duration the head is hit."""


class Kind(StrEnum):
    """What happens to the head."""

    UNDISTURBED = "undisturbed"
    KILL = "kill"
    INTERRUPT = "interrupt"


@dataclass(frozen=True)
class Blow:
    """What happens to one head.

    Attributes:
        moment: when, as a share of an undisturbed run's duration.
        ending: a signal: SIGTERM goes to the head alone, SIGINT to its process group, as from a
            terminal, and so does SIGKILL.
        second_seconds: after which the same signal comes again; None for once.
    """

    moment: float
    ending: signal.Signals
    second_seconds: float | None = None

    def __str__(self) -> str:
        again = "" if self.second_seconds is None else f", again after {self.second_seconds:.1f} s"
        return f"{self.ending.name} at {self.moment:.0%}{again}"


@dataclass(frozen=True)
class TrialPlan:
    """One trial: each blow hits a head of its own, one after the other.

    With ``is_finished`` a head is started at the end that nothing happens to.
    """

    seed: int
    kind: Kind
    blows: tuple[Blow, ...] = ()
    is_finished: bool = True

    def __str__(self) -> str:
        ending = ["then to the end"] if self.blows and self.is_finished else []
        return ", ".join([f"{self.kind} {self.seed}", *map(str, self.blows), *ending])


def plan_trial(seed: int, kind: Kind) -> TrialPlan:
    """Draw a trial: heads are killed once or twice, or interrupted, now and then after a kill."""
    random = Random(seed)
    if kind is Kind.UNDISTURBED:
        return TrialPlan(seed, kind)
    if kind is Kind.KILL:
        times = random.choice((1, 1, 1, 2))
        return TrialPlan(seed, kind, tuple(_plan_kill(random) for _ in range(times)))
    interrupt = Blow(
        random.uniform(EARLIEST, LATEST),
        random.choice((signal.SIGINT, signal.SIGINT, signal.SIGINT, signal.SIGTERM)),
        random.uniform(0.1, 2.0) if random.random() < 0.25 else None,
    )
    before = (_plan_kill(random),) if random.random() < 0.2 else ()
    return TrialPlan(seed, kind, (*before, interrupt), is_finished=random.random() < 0.5)


def plan_trials(seed: int, count: int) -> list[TrialPlan]:
    """Draw so many trials of either kind; the first ones stay where more are asked for."""
    return [
        plan_trial(Random(f"{seed} {kind} {number}").getrandbits(32), kind)
        for number in range(count)
        for kind in (Kind.KILL, Kind.INTERRUPT)
    ]


def _plan_kill(random: Random) -> Blow:
    return Blow(random.uniform(EARLIEST, LATEST), signal.SIGKILL)
