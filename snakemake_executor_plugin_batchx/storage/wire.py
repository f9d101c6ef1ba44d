"""Requests to S3 from an event loop: within the budget, by whichever client serves."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from snakemake_executor_plugin_batchx.storage.answers import Answer, read_error
from snakemake_executor_plugin_batchx.storage.budget import MEMORY_BYTES, Budget, Share
from snakemake_executor_plugin_batchx.storage.checksums import Content
from snakemake_executor_plugin_batchx.storage.crew import FILES_AT_ONCE
from snakemake_executor_plugin_batchx.storage.disk import Disk
from snakemake_executor_plugin_batchx.storage.inbox import Inbox
from snakemake_executor_plugin_batchx.storage.native import NativeClient, has_credentials
from snakemake_executor_plugin_batchx.storage.parts import Part
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket, Route
from snakemake_executor_plugin_batchx.storage.spans import get_size

NATIVE_OPERATIONS = frozenset({"GetObject", "HeadObject", "PutObject", "UploadPart"})

NATIVE_BYTES = 16 * 1024 * 1024
"""awscrt holds what it sends in memory; boto3 reads it bit by bit."""

WRONG_STATUS = frozenset({301, 307, 400, 500, 502, 503, 504})
"""Answers that may come of asking wrongly, or of a bad moment."""

FINAL_STATUS = frozenset({404, 412, 416})
"""Refusals that no other client or try would change."""

BOTO_REQUESTS = 16
WAITING_CALLS = 64
LARGE_FILES_AT_ONCE = 8

FILE_MEMORY_BYTES = 24 * 1024 * 1024
"""What a file takes of the budget that awscrt reads as a whole."""

COPIES = 2
"""Of each content that moves: one is the client's own."""

T = TypeVar("T")


class Wire:
    """The way to S3 of one event loop, on which all its methods are called. To be closed."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._routes: dict[Bucket, Route] = {}
        self._boto_room = asyncio.Semaphore(BOTO_REQUESTS)
        self._waiting_room = asyncio.Semaphore(WAITING_CALLS)
        self.inbox = Inbox(asyncio.get_running_loop())
        self.disk = Disk()
        self.large_room = asyncio.Semaphore(LARGE_FILES_AT_ONCE)

    def take(self, size: int) -> Share:
        """Hold one connection and memory for a content that is to be moved."""
        return self._budget.take(COPIES * size)

    async def run_parts(
        self,
        parts: Iterable[Part],
        work: Callable[[Part], Coroutine[Any, Any, None]],
        *,
        memory_bytes: int | None = None,
    ) -> None:
        """Do `work` on all parts, as the budget has room; the first failure ends the rest.

        `memory_bytes` is what each takes, where that is not what its size tells.
        """

        def measure(part: Part) -> int:
            return COPIES * part.size if memory_bytes is None else memory_bytes

        await _run_bounded(
            parts,
            work,
            lambda part: self._budget.acquire(measure(part)),
            lambda part: self._budget.release(measure(part)),
        )

    async def run_each(
        self, items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, None]]
    ) -> None:
        """Do `work` on all items, so many at once; the first failure ends the rest."""
        room = asyncio.Semaphore(FILES_AT_ONCE)
        await _run_bounded(items, work, lambda _: room.acquire(), lambda _: room.release())

    async def call(self, call: Callable[[], T]) -> T:
        """Make a call that asks boto3, in a thread."""
        async with self._boto_room:
            return await call_in_daemon(call)

    async def call_waiting(self, call: Callable[[], T]) -> T:
        """Make a call that may wait long for others, in a thread."""
        async with self._waiting_room:
            return await call_in_daemon(call)

    async def request(
        self,
        bucket: Bucket,
        operation: str,
        key: str,
        params: Mapping[str, Any],
        content: Content = b"",
        *,
        into: str | None = None,
    ) -> Answer:
        """Do an operation on an object. Raises StorageError.

        The body may be written `into` a file (`Answer.is_on_disk`), in a folder that is there.
        """
        if operation not in NATIVE_OPERATIONS or get_size(content) > NATIVE_BYTES:
            return await self._ask_boto(bucket, operation, key, params, content)
        route = self._provide_route(bucket)
        if not route.is_known:
            async with route.opening:
                if not route.is_known:
                    return await self._ask_first(route, operation, key, params, content)
        answered = await self._ask_native(route, operation, key, params, content, into)
        return answered or await self._ask_boto(bucket, operation, key, params, content)

    async def fetch_file(
        self,
        bucket: Bucket,
        key: str,
        params: Mapping[str, Any],
        path: Path,
        size: int,
        on_bytes: Callable[[int], None],
    ) -> Mapping[str, str] | None:
        """Have awscrt read a whole object into a file; return the answer's headers.

        None where it does not come that way, or where memory is scarce: awscrt takes for all files
        together what it takes for one.
        """
        if self._budget.memory_bytes < MEMORY_BYTES:
            return None
        async with self._budget.take(min(COPIES * size, FILE_MEMORY_BYTES)):
            route = self._provide_route(bucket)
            if not route.is_known:
                await self.request(bucket, "HeadObject", key, {})
            native = await self._find_native(route)
            if native is None:
                return None
            told = {**bucket.options.list_params("GetObject"), **params}
            model = route.get_model("GetObject")
            headers = await native.fetch_file(model, key, told, path, on_bytes)
            route.note_answer(is_good=headers is not None)
            return headers

    def close(self) -> None:
        """End connections and threads."""
        for route in self._routes.values():
            route.close()
        self.disk.close()

    def _provide_route(self, bucket: Bucket) -> Route:
        route = self._routes.get(bucket)
        if route is None:
            route = self._routes[bucket] = Route(bucket, self.inbox)
        return route

    async def _find_native(self, route: Route) -> NativeClient | None:
        """Return awscrt's client, if it is to be asked and credentials are there."""
        native = route.find_native()
        if native is not None and route.needs_credentials():
            is_sound = await self.disk.run_long(has_credentials, route.bucket.credentials)
            return native if is_sound else None
        return native

    async def _ask_native(
        self,
        route: Route,
        operation: str,
        key: str,
        params: Mapping[str, Any],
        content: Content,
        into: str | None,
    ) -> Answer | None:
        native = await self._find_native(route)
        if native is None:
            return None
        bucket = route.bucket
        told = {**bucket.options.list_params(operation), **params}
        answer = await native.perform(route.get_model(operation), key, told, content, into)
        route.note_answer(is_good=answer is not None and answer.status not in WRONG_STATUS)
        if answer is None or answer.status < 300:
            return answer
        # Of a HeadObject boto3 would be told no more than the status.
        if answer.status in FINAL_STATUS or (operation, answer.status) == ("HeadObject", 403):
            raise bucket.explain(operation, key, read_error(answer.status, answer.body))
        return None

    async def _ask_first(
        self, route: Route, operation: str, key: str, params: Mapping[str, Any], content: Content
    ) -> Answer:
        """Have boto3 show the way; a refusal does that, too."""
        try:
            answer = await self._ask_boto(route.bucket, operation, key, params, content)
        except StorageError as error:
            if error.code:
                route.note_first()
            raise
        route.note_first()
        return answer

    async def _ask_boto(
        self,
        bucket: Bucket,
        operation: str,
        key: str,
        params: Mapping[str, Any],
        content: Content,
    ) -> Answer:
        return await self.call(functools.partial(bucket.perform, operation, key, params, content))


async def _run_bounded(
    items: Iterable[T],
    work: Callable[[T], Coroutine[Any, Any, None]],
    acquire: Callable[[T], Awaitable[object]],
    release: Callable[[T], None],
) -> None:
    """Do `work` on each item once it was acquired; the first failure ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                await acquire(item)
                task = group.create_task(work(item))
                # Not in the coroutine: one that is cancelled before it began runs nothing.
                task.add_done_callback(functools.partial(_call_with, release, item))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _call_with(call: Callable[[T], None], item: T, _task: object) -> None:
    call(item)


async def call_in_daemon(call: Callable[[], T]) -> T:
    """Make a call in a thread that no one waits for once this is cancelled."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, result, error)

    thread = threading.Thread(target=run, name="batchx-boto", daemon=True)
    thread.start()
    try:
        return await ended
    finally:
        if ended.done() and not ended.cancelled():
            thread.join()  # it has but to end: whoever forks then has no other thread
