"""Calls from other threads to an event loop, which is woken once for many of them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any


class Inbox:
    """Takes calls that the loop's thread makes soon, in their order.

    asyncio's own call_soon_threadsafe writes to a pipe for each: with thousands of small files that
    is most of the work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._is_woken = False
        self._is_closed = False

    def close(self) -> None:
        """Take no more: the loop has ended."""
        self._is_closed = True

    def post(self, call: Callable[..., object], *args: Any) -> None:
        """Have a call made. Raises RuntimeError where the loop is closed."""
        if self._is_closed or self._loop.is_closed():
            raise RuntimeError("the loop has ended")
        self._calls.append((call, args))
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._make_calls)
            except RuntimeError:
                self._is_woken = False
                raise

    def tell(self, call: Callable[..., object], *args: Any) -> None:
        """Have a call made, if the loop goes on: who hears of an answer late has nobody to tell."""
        with contextlib.suppress(RuntimeError):
            self.post(call, *args)

    def _make_calls(self) -> None:
        self._is_woken = False  # first: what comes from now on wakes the loop again
        while self._calls:
            call, args = self._calls.popleft()
            try:
                call(*args)
            except Exception as error:  # noqa: BLE001 - one must not keep the others from theirs
                context = {"message": "a call from another thread failed", "exception": error}
                self._loop.call_exception_handler(context)
