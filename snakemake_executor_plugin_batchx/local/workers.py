"""A few threads for calls that take their time, which never keep the process from ending."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Work = tuple[Future[Any], Callable[[], Any]]


class Workers(Executor):
    """An executor of daemon threads, other than concurrent.futures' own.

    Args:
        count: how many threads.
        name: what they are called.
    """

    def __init__(self, count: int, name: str):
        self._works: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See Executor."""
        future: Future[T] = Future()
        self._works.put((future, lambda: fn(*args, **kwargs)))
        return future

    def close(self, seconds: float) -> None:
        """Drops what has not begun and waits so long for what has."""
        while not self._works.empty():
            work = self._works.get()
            if work is not None:
                work[0].cancel()
        for _ in self._threads:
            self._works.put(None)
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (work := self._works.get()) is not None:
            future, call = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
                future.set_exception(error)
