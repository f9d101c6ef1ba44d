"""The work of one caller on an event loop: so much at once, ended together."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from snakemake_executor_plugin_batchx.storage.inbox import Inbox

FILES_AT_ONCE = 256
"""How many files are under way or wait for the budget."""

Work = Callable[[], Coroutine[Any, Any, None]]


class Crew:
    """Runs coroutines; the first failure ends the others and is raised.

    Used in a `with`, in another thread than the loop's: when that has ended, nothing goes on.
    """

    def __init__(self, inbox: Inbox, at_once: int = FILES_AT_ONCE) -> None:
        self._inbox = inbox
        self._room = threading.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._is_cancelled = False
        self._is_closing = False
        self._ended = threading.Event()

    def __enter__(self) -> "Crew":
        self._is_closing = False
        self._ended.clear()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self.cancel()
        try:
            self._await_end()
        except BaseException:  # a signal's: KeyboardInterrupt, say
            self.cancel()
            self._await_end()
            raise
        if error is None and self._error is not None:
            raise self._error

    def begin(self, work: Work) -> None:
        """Begin something as soon as there is room. Raises the failure of what was begun before."""
        self._room.acquire()
        if self._error is not None:
            raise self._error
        self._inbox.post(self._start, work)

    def cancel(self, error: BaseException | None = None) -> None:
        """End what is under way, and begin nothing more; `error` is then raised."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._inbox.post(self._cancel_all, error)

    def _await_end(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it all its work
            self._inbox.post(self._close)  # after all that was to be started: calls keep order
            self._ended.wait()

    def _close(self) -> None:
        self._is_closing = True
        if not self._tasks:
            self._ended.set()

    def _start(self, work: Work) -> None:
        if self._is_cancelled:
            self._room.release()
            return
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._cancel_all(task.exception())
        self._room.release()
        if self._is_closing and not self._tasks:
            self._ended.set()

    def _cancel_all(self, error: BaseException | None) -> None:
        if self._error is None:
            self._error = error
        if self._is_cancelled:
            return  # a second time would disturb what cleans up behind itself
        self._is_cancelled = True
        for task in self._tasks:
            task.cancel()
