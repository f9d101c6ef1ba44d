"""Calls to AWS, tried again where that may help, and only as long as somebody wants them."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from snakemake_executor_plugin_batchx.aws.budget import CallBudget, Purpose
from snakemake_executor_plugin_batchx.aws.errors import (
    CALL_ERRORS,
    AwsError,
    UnansweredError,
    explain_error,
)
from snakemake_executor_plugin_batchx.permissions.lookup import find_action

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 20.0
"""Between tries: a random part of a time that doubles from the first to the longest
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, "full jitter")."""

MAX_DOUBLINGS = 6

STEP_SECONDS = 0.5
"""How late a waiting call notices at most that it is not wanted any more."""

WARN_SECONDS = 30.0
"""After so long the user is told what a call waits for."""

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """For how many seconds a call is tried again; None: as long as the run lives.

    A call that AWS may have taken (UnansweredError) is repeated only if that does no harm.
    """

    seconds: float | None
    is_repeatable: bool = True


class Retrier:
    """Makes calls under a budget, and makes those again that AWS's or the network's trouble spoilt.

    `service` is what IAM calls the service that is called. Clock (seconds, monotonic), sleep, and
    random (0 to 1) are passed in. Once `is_stopped` is true, nothing is tried again but what ends
    jobs. `warn` is told once of a call that waits for long. Safe to use from many threads.
    """

    def __init__(
        self,
        budget: CallBudget,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        random: Callable[[], float],
        is_stopped: Callable[[], bool],
        warn: Callable[[str], object] = lambda _: None,
        service: str = "batch",
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._is_stopped = is_stopped
        self._warn = warn
        self._service = service

    def call(
        self, operation: str, purpose: Purpose, function: Callable[[], T], patience: Patience
    ) -> T:
        """Return what `function` returns. `operation` is the call's name, such as SubmitJob.

        Raises AwsError where AWS refuses or patience ends, UnansweredError where it may have done
        what was asked all the same.
        """
        started = self._clock()
        attempt, has_warned = 0, False
        while True:
            self._budget.spend(purpose, operation)
            try:
                answer = function()
            except CALL_ERRORS as error:
                told = explain_error(error, find_action(self._service, operation))
                self._note(told)
                delay = self._choose_delay(attempt)
                waited = self._clock() - started
                if not _is_worth_a_try(told, patience, waited + delay):
                    raise told from error
                if waited >= WARN_SECONDS and not has_warned:
                    has_warned = True
                    self._warn(f"{told} It is tried again.")
                if not self._pause(delay, purpose):
                    raise told from error
                attempt += 1
            else:
                self._budget.note_success()
                return answer

    def _note(self, error: AwsError) -> None:
        if error.is_throttled:
            self._budget.note_throttled()

    def _choose_delay(self, attempt: int) -> float:
        doubled = FIRST_DELAY_SECONDS * (1 << min(attempt, MAX_DOUBLINGS))
        longest = min(LONGEST_DELAY_SECONDS, doubled)
        return self._random() * longest

    def _pause(self, seconds: float, purpose: Purpose) -> bool:
        """Wait; return False as soon as the call is not wanted any more."""
        ends = self._clock() + seconds
        while True:
            if purpose != "cancel" and self._is_stopped():
                return False
            left = ends - self._clock()
            if left <= 0:
                return True
            self._sleep(min(left, STEP_SECONDS))


def open_retrier(
    budget: CallBudget,
    is_stopped: Callable[[], bool],
    warn: Callable[[str], object] = lambda _: None,
    service: str = "batch",
) -> Retrier:
    """Return a Retrier that goes by this machine's clock and chance."""
    return Retrier(budget, time.monotonic, time.sleep, random.random, is_stopped, warn, service)


def _is_worth_a_try(error: AwsError, patience: Patience, waited_seconds: float) -> bool:
    if not error.is_transient:
        return False
    if isinstance(error, UnansweredError) and not patience.is_repeatable:
        return False
    return patience.seconds is None or waited_seconds <= patience.seconds
