"""Ctrl-C and SIGTERM that end the run's jobs, and are never lost.

Asked to end by SIGTERM, Snakemake would wait for the jobs that run
(snakemake/scheduling/job_scheduler.py, exit_gracefully): hours, of which a shutdown or a cluster's
time limit leaves it seconds, and then nobody ends them. So SIGTERM does what Ctrl-C does.

Python raises KeyboardInterrupt wherever the main thread happens to be, and it can get lost there:
in a destructor, a callback or somebody's bare `except`
(https://docs.python.org/3/library/signal.html#note-on-signal-handlers-and-exceptions). Snakemake
then goes on as if nothing had happened, its jobs too. So whoever waits for the jobs asks now and
then whether an interrupt was answered, and if not raises it again.

It can also do harm there: raised while the standard library takes a lock in Python code
(logging.Handler.handle; threading.Condition.__enter__, for queues and thread pools), it leaves the
lock taken, and whoever wants it next waits for ever. There it is put off for a moment.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

ANSWER_SECONDS = 1.0
"""How long an interrupt may take from its raising to the ending of jobs."""


LATER_SECONDS = 0.05
MOST_DELAYS = 100
"""How long, and how often at most, an interrupt is put off."""

LOCKING_MODULES = frozenset(
    {"threading", "queue", "concurrent.futures.thread", "logging", "logging.handlers"}
)

ERRAND = signal.SIGURG
"""Only the main thread may set handlers; this has it do so. Nobody else's meaning is lost: the
system sends it, for sockets' urgent data, to those alone who ask for it."""

REPEAT = b"r"
REMIND = b"m"


class InterruptGuard:
    """Raises KeyboardInterrupt on signals, until `hold`: from then on it only calls `remind`.

    The clock (seconds, monotonic) is passed in. A thread of its own does what a signal handler
    must not: wait, or take a lock, as whoever logs does.
    """

    def __init__(self, clock: Callable[[], float], remind: Callable[[], object]) -> None:
        self._clock = clock
        self._remind = remind
        self._raised_at: float | None = None
        self._number = signal.SIGINT
        self._delays = 0
        self._is_holding = False
        self._replaced: dict[signal.Signals, Any] = {}
        self._wanted: tuple[signal.Signals, Any] | None = None
        self._orders: int | None = None

    def install(self, number: signal.Signals, expected: Any) -> None:
        """Take a signal over from the handler that is expected; nobody else's is touched."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(number) == expected:
            if self._orders is None:
                reading, self._orders = os.pipe()
                threading.Thread(target=self._follow_orders, args=(reading,), daemon=True).start()
                if signal.getsignal(ERRAND) is signal.SIG_DFL:
                    signal.signal(ERRAND, self._run_errand)
                    self._replaced[ERRAND] = signal.SIG_DFL
            self._replaced[number] = expected
            signal.signal(number, self._handle)

    def install_soon(self, number: signal.Signals, expected: Any) -> None:
        """Do what `install` does, from any thread; the main one is interrupted for it."""
        if ERRAND in self._replaced and signal.getsignal(number) == expected:
            self._wanted = (number, expected)
            os.kill(os.getpid(), ERRAND)

    def hold(self) -> None:
        """Let what is being cleaned up end: a second signal must not leave jobs behind."""
        self._is_holding = True

    def repeat_if_lost(self) -> None:
        """Raise an interrupt again that led to nothing; for any thread, now and then."""
        if self._raised_at is not None and not self._is_fresh() and not self._is_holding:
            os.kill(os.getpid(), self._number)

    def restore(self) -> None:
        """Give the signals back."""
        while self._replaced:
            signal.signal(*self._replaced.popitem())
        if self._orders is not None:
            os.close(self._orders)
            self._orders = None

    def _run_errand(self, _number: int, frame: FrameType | None) -> None:
        if self._wanted is None or not self._replaced:
            return
        number, expected = self._wanted
        self.install(number, expected)
        # Where the handler itself is interrupted, it waits for what its own thread holds.
        if frame is not None and frame.f_code is getattr(expected, "__code__", None):
            self._handle(number, frame)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_holding:
            self._order(REMIND)
        elif self._is_fresh():
            return  # one is on its way to where jobs are ended: another would stop it there
        else:
            self._number = signal.Signals(number)
            if is_taking_lock(frame) and self._delays < MOST_DELAYS:
                self._delays += 1
                self._order(REPEAT)
                return
            self._delays = 0
            self._raised_at = self._clock()
            raise KeyboardInterrupt

    def _is_fresh(self) -> bool:
        raised_at = self._raised_at
        return raised_at is not None and self._clock() - raised_at < ANSWER_SECONDS

    def _order(self, order: bytes) -> None:
        if self._orders is not None:
            os.write(self._orders, order)

    def _follow_orders(self, reading: int) -> None:
        with open(reading, "rb", buffering=0) as orders:
            while order := orders.read(1):
                if order == REMIND:
                    self._remind()
                    continue
                time.sleep(LATER_SECONDS)
                os.kill(os.getpid(), self._number)


def is_taking_lock(frame: FrameType | None) -> bool:
    """Whether a lock taken in this very moment would stay taken if an exception were raised.

    Not so where it waits for another thread, which is made to be interrupted.
    """
    if frame is None or frame.f_globals.get("__name__") not in LOCKING_MODULES:
        return False
    return frame.f_code.co_name not in {"wait", "_wait_for_tstate_lock", "join"}
