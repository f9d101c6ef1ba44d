"""Ctrl-C that is never lost.

Python raises KeyboardInterrupt wherever the main thread happens to be, and it can get lost there:
in a destructor, a callback or somebody's bare `except`
(https://docs.python.org/3/library/signal.html#note-on-signal-handlers-and-exceptions). Snakemake
then goes on as if nothing had happened, its jobs too. So whoever waits for the jobs asks now and
then whether an interrupt was answered, and if not raises it again.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

ANSWER_SECONDS = 1.0
"""How long an interrupt may take from its raising to the ending of jobs."""


class InterruptGuard:
    """Raises KeyboardInterrupt on SIGINT, until `hold`: from then on it only calls `remind`.

    The clock (seconds, monotonic) is passed in.
    """

    def __init__(self, clock: Callable[[], float], remind: Callable[[], object]) -> None:
        self._clock = clock
        self._remind = remind
        self._raised_at: float | None = None
        self._is_holding = False
        self._is_installed = False

    def install(self) -> None:
        """Take SIGINT over from Python's own handler; nobody else's is touched."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._is_installed = True

    def hold(self) -> None:
        """Let what is being cleaned up end: a second Ctrl-C must not leave jobs behind."""
        self._is_holding = True

    def repeat_if_lost(self) -> None:
        """Raise an interrupt again that led to nothing; for any thread, now and then."""
        raised_at = self._raised_at
        is_lost = raised_at is not None and self._clock() - raised_at >= ANSWER_SECONDS
        if is_lost and not self._is_holding:
            os.kill(os.getpid(), signal.SIGINT)

    def restore(self) -> None:
        """Give SIGINT back."""
        if self._is_installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_installed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_holding:
            self._remind()
            return
        self._raised_at = self._clock()
        raise KeyboardInterrupt
