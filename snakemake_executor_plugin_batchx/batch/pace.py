"""How quickly Batch is asked, and how long jobs are held for an array."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds, and a factor.

    `first_look_seconds` lie between two looks while jobs end and one call tells of all of them;
    while nothing ends the time grows by `growth`, up to `longest_look_seconds` and the user's
    `--seconds-between-status-checks`. Jobs that could share an array are held until none has come
    for `quiet_seconds`, and `hold_seconds` at most. Of a job that is RUNNABLE for `explain_seconds`
    it is found out why, and again after `explain_again_seconds`.
    """

    first_look_seconds: float
    growth: float
    longest_look_seconds: float
    quiet_seconds: float
    hold_seconds: float
    explain_seconds: float
    explain_again_seconds: float


AWS_PACE = Pace(
    first_look_seconds=1.0,
    growth=3.0,
    longest_look_seconds=float("inf"),
    quiet_seconds=0.5,
    hold_seconds=5.0,
    explain_seconds=120.0,
    explain_again_seconds=300.0,
)
"""A container takes seconds to start, so a second more or less is not felt."""

EMBEDDED_PACE = Pace(
    first_look_seconds=0.3,
    growth=1.3,
    longest_look_seconds=2.0,
    quiet_seconds=0.0,
    hold_seconds=2.0,
    explain_seconds=10.0,
    explain_again_seconds=30.0,
)
"""Calls to this machine cost nothing, and jobs start at once."""
