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
class TrialPlan:
    """One trial.

    Attributes:
        seed: of all that is drawn in it.
        kind: what happens to the head.
        moments: when, each a share of an undisturbed run's duration, each of another head.
        ending: the signal of an interrupt: SIGINT goes to the head's process group, as from a
            terminal, SIGTERM to the head alone.
        second_seconds: after which the same signal comes again; None for once.
        is_finished: a head is started at the end that nothing happens to.
    """

    seed: int
    kind: Kind
    moments: tuple[float, ...] = ()
    ending: signal.Signals = signal.SIGINT
    second_seconds: float | None = None
    is_finished: bool = True


def plan_trial(seed: int, kind: Kind) -> TrialPlan:
    """Draw a trial."""
    random = Random(seed)
    if kind is Kind.UNDISTURBED:
        return TrialPlan(seed, kind)
    if kind is Kind.KILL:
        times = random.choice((1, 1, 1, 2))
        moments = tuple(random.uniform(EARLIEST, LATEST) for _ in range(times))
        return TrialPlan(seed, kind, moments, signal.SIGKILL)
    is_repeated = random.random() < 0.25
    return TrialPlan(
        seed,
        kind,
        (random.uniform(EARLIEST, LATEST),),
        random.choice((signal.SIGINT, signal.SIGINT, signal.SIGINT, signal.SIGTERM)),
        second_seconds=random.uniform(0.1, 2.0) if is_repeated else None,
        is_finished=random.random() < 0.5,
    )


def plan_trials(seed: int, kills: int, interrupts: int) -> list[TrialPlan]:
    """Draw the seeds of all trials; the first ones stay the same where more are asked for."""
    return [
        plan_trial(Random(f"{seed} {kind} {number}").getrandbits(32), kind)
        for kind, count in ((Kind.KILL, kills), (Kind.INTERRUPT, interrupts))
        for number in range(count)
    ]
