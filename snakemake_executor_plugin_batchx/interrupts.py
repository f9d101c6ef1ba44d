"""Ctrl-C that is never lost.

While Snakemake runs something asynchronous, asyncio takes SIGINT over, if Python's own handler is
in place, and turns it into a cancellation; a coroutine that ends at that very moment swallows it
(CPython, Lib/asyncio/runners.py, Runner.run), and Snakemake goes on as if nothing had happened. A
handler of another identity is left in place, so ours does what Python's own does.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType


class InterruptGuard:
    """Raises KeyboardInterrupt on SIGINT, until `hold`: from then on it only calls `remind`."""

    def __init__(self, remind: Callable[[], object]) -> None:
        self._remind = remind
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

    def restore(self) -> None:
        """Give SIGINT back."""
        if self._is_installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_installed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_holding:
            raise KeyboardInterrupt
        self._remind()
