"""The work of one caller on an event loop: so much at once, ended together."""

import asyncio
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
        self._at_once = at_once
        self._room = threading.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._is_ending = False

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self.cancel()
        try:
            self._await_all()
        except BaseException:  # a signal's: KeyboardInterrupt, say
            self.cancel()
            self._await_all()
            raise
        if error is None and self._error is not None:
            raise self._error

    def begin(self, work: Work) -> None:
        """Begin something as soon as there is room. Raises the failure of what was begun before."""
        self._room.acquire()
        if self._error is not None:
            self._room.release()
            raise self._error
        self._inbox.post(self._start, work)

    def cancel(self, error: BaseException | None = None) -> None:
        """End what is under way, and begin nothing more; `error` is then raised."""
        self._inbox.post(self._end_all, error)

    def _await_all(self) -> None:
        for taken in range(self._at_once):
            try:
                self._room.acquire()
            except BaseException:
                if taken:
                    self._room.release(taken)
                raise
        self._room.release(self._at_once)

    def _start(self, work: Work) -> None:
        if self._is_ending:
            self._room.release()
            return
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._end_all(task.exception())
        self._room.release()

    def _end_all(self, error: BaseException | None) -> None:
        self._is_ending = True
        if self._error is None:
            self._error = error
        for task in self._tasks:
            task.cancel()
