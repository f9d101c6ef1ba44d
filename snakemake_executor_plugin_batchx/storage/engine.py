"""Objects between S3 and disk: many at once, in parts, within one budget, and never a wrong one.

All transfers of a process run on one event loop in a thread of its own. A small file goes with one
request; of a large one each part does, as soon as the budget has room for it. Requests are made by
awscrt (native.py) once boto3 has shown where the bucket is, and by boto3 where awscrt brings no
answer (wire.py); what touches the disk runs in threads where it takes long (disk.py).
"""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.budget import (
    CONNECTIONS,
    Budget,
    choose_memory_bytes,
)
from snakemake_executor_plugin_batchx.storage.comparing import has_content
from snakemake_executor_plugin_batchx.storage.copies import Copy, copy
from snakemake_executor_plugin_batchx.storage.crew import Crew
from snakemake_executor_plugin_batchx.storage.downloads import download
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.uploads import Upload, upload
from snakemake_executor_plugin_batchx.storage.wanted import Download, OnBytes
from snakemake_executor_plugin_batchx.storage.wire import Wire

T = TypeVar("T")
R = TypeVar("R")


END_SECONDS = 15.0
"""How long what was cancelled may take to clean up."""


class TransferStoppedError(BatchxError):
    """Files are not moved any more: the run is ending."""

    def __init__(self) -> None:
        super().__init__("Files are not moved any more: the run is ending.")


class Engine:
    """Moves files. Safe to use from many threads; to be closed: use it in a `with`.

    `memory_bytes` is for content on its way. Its thread begins with the first transfer.
    """

    def __init__(self, memory_bytes: int | None = None) -> None:
        self._memory_bytes = memory_bytes or choose_memory_bytes(None)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._crews: set[Crew] = set()
        self._is_stopped = False
        self._submitted: set[asyncio.Task[Any]] = set()
        self._wire: Wire | None = None

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None or self._wire is None:
            return
        asyncio.run_coroutine_threadsafe(self._end_tasks(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        self._wire.close()
        self._wire.inbox.close()
        loop.close()  # last: what awscrt still has to say finds it

    @property
    def wire(self) -> Wire:
        """The way to S3, for coroutines on this engine's loop."""
        self._provide_loop()
        if self._wire is None:
            raise TransferStoppedError
        return self._wire

    def stop(self) -> None:
        """End what is under way, and begin nothing more: it raises TransferStoppedError."""
        with self._lock:
            self._is_stopped = True
            crews = list(self._crews)
        for crew in crews:
            crew.cancel(TransferStoppedError())

    def download_all(
        self,
        bucket: Bucket,
        downloads: Iterable[Download],
        on_bytes: OnBytes | None = None,
        on_file: Callable[[Download, ObjectFacts], None] | None = None,
    ) -> None:
        """Bring objects to their places; the first failure ends the rest and is raised.

        `on_file` is called in a thread when a file is in its place.
        """

        async def work(wanted: Download) -> None:
            facts = await download(self.wire, bucket, wanted, on_bytes)
            if on_file is not None:
                await self.wire.disk.run(on_file, wanted, facts)

        self._run_all(work, downloads)

    def upload_all(
        self,
        bucket: Bucket,
        uploads: Iterable[Upload],
        on_bytes: OnBytes | None = None,
        on_file: Callable[[Upload, int], None] | None = None,
    ) -> None:
        """Send files; the first failure ends the rest and is raised.

        `on_file` is called in a thread when a file is in S3.
        """

        async def work(wanted: Upload) -> None:
            size = await upload(self.wire, bucket, wanted, on_bytes)
            if on_file is not None:
                await self.wire.disk.run(on_file, wanted, size)

        self._run_all(work, uploads)

    def copy_all(
        self,
        bucket: Bucket,
        copies: Iterable[Copy],
        on_bytes: OnBytes | None = None,
        on_file: Callable[[Copy], None] | None = None,
    ) -> None:
        """Have S3 copy objects to `bucket`; the first failure ends the rest and is raised."""

        async def work(wanted: Copy) -> None:
            await copy(self.wire, bucket, wanted, on_bytes)
            if on_file is not None:
                await self.wire.disk.run(on_file, wanted)

        self._run_all(work, copies)

    def has_content(self, bucket: Bucket, key: str, path: Path) -> bool:
        """Tell whether an object has the content of a file, as has_content of comparing.py."""
        return self.submit(has_content(self.wire, bucket, key, path)).result()

    def gather(self, work: Callable[[T], Coroutine[Any, Any, R]], items: Sequence[T]) -> list[R]:
        """Do something with all items, in their order; the first failure ends the rest."""
        results: dict[int, R] = {}

        async def run(index: int) -> None:
            results[index] = await work(items[index])

        self._run_all(run, range(len(items)))
        return [results[index] for index in range(len(items))]

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine beside the rest."""

        async def run() -> T:
            task = asyncio.current_task()
            if task is not None:
                self._submitted.add(task)
                task.add_done_callback(self._submitted.discard)
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._provide_loop())

    @contextlib.contextmanager
    def open_crew(self) -> Iterator[Crew]:
        """Yield a crew on this engine's loop."""
        crew = Crew(self.wire.inbox)
        with self._lock:
            if self._is_stopped:
                raise TransferStoppedError
            self._crews.add(crew)
        try:
            with crew:
                yield crew
        finally:
            with self._lock:
                self._crews.discard(crew)

    def _run_all(self, work: Callable[[T], Coroutine[Any, Any, None]], items: Iterable[T]) -> None:
        with self.open_crew() as crew:
            for item in items:
                crew.begin(functools.partial(work, item))

    def _provide_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._is_stopped:
                raise TransferStoppedError
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=loop.run_forever, name="batchx-engine", daemon=True
                )
                self._thread.start()
                self._wire = asyncio.run_coroutine_threadsafe(self._open_wire(), loop).result()
            return self._loop

    async def _open_wire(self) -> Wire:
        return Wire(Budget(CONNECTIONS, self._memory_bytes))

    async def _end_tasks(self) -> None:
        for task in list(self._submitted):
            task.cancel()
        # What crews have cancelled cleans up behind itself; a second time would disturb that.
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=END_SECONDS)
