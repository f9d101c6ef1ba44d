"""Work on the disk beside an event loop: at once while the disk is quick, in threads while not."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

THREADS = 16

SLOW_SECONDS = 0.002
"""From here on a thread costs less than waiting does."""

WEIGHT = 0.1
"""Of the last piece of work in the average."""

SEEN_ONE_IN = 16

T = TypeVar("T")


class Disk:
    """Does what touches the disk. For one event loop; to be closed."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="batchx-disk")
        self._average_seconds = 0.0
        self._file_count = 0
        self._folders: set[str] = set()

    def may_skip(self) -> bool:
        """Tell whether others may write the next file: while the disk is quick, as it has to tell.

        One in SEEN_ONE_IN is written here all the same, where that is timed.
        """
        self._file_count += 1
        return self._is_quick and self._file_count % SEEN_ONE_IN != 0

    @property
    def _is_quick(self) -> bool:
        return self._average_seconds < SLOW_SECONDS

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Do what takes a moment, such as a small file; how long the last ones took decides how."""
        if self._is_quick:
            return self._run_timed(work, *args)
        return await self.run_long(self._run_timed, work, *args)

    async def has_folder(self, folder: str) -> bool:
        """Tell whether there is a folder; once seen, it is not looked for again."""
        if folder not in self._folders and await self.run(os.path.isdir, folder):
            self._folders.add(folder)
        return folder in self._folders

    async def run_long(self, work: Callable[..., T], *args: Any) -> T:
        """Do what takes long, in a thread; it ends before this does, come what may."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            while not running.done():  # however often it is cancelled
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([running])
            raise

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _run_timed(self, work: Callable[..., T], *args: Any) -> T:
        begun = self._clock()
        try:
            return work(*args)
        finally:
            taken = self._clock() - begun
            self._average_seconds += WEIGHT * (taken - self._average_seconds)
