"""A crew: bounded, ended together, and the first failure told."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from snakemake_executor_plugin_batchx.storage.crew import Crew, Work
from snakemake_executor_plugin_batchx.storage.inbox import Inbox

AT_ONCE = 3
WAIT_SECONDS = 30


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    assert asyncio.all_tasks(loop) == set()
    loop.close()


@pytest.fixture
def crew(loop: asyncio.AbstractEventLoop) -> Crew:
    return Crew(Inbox(loop), AT_ONCE)


class Works:
    """Coroutines that note how they went."""

    def __init__(self) -> None:
        self.begun = self.ended = self.cancelled = self.most = 0
        self.has_begun = threading.Event()

    async def pass_by(self) -> None:
        self._begin()
        for _ in range(3):
            await asyncio.sleep(0)
        self.ended += 1

    async def last(self) -> None:
        """Go on until cancelled."""
        self._begin()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def fail(self) -> None:
        self._begin()
        raise OSError("the first")

    async def fail_when_cancelled(self) -> None:
        try:
            await self.last()
        finally:
            raise OSError("a later one")

    def _begin(self) -> None:
        self.begun += 1
        self.most = max(self.most, self.begun - self.ended)
        self.has_begun.set()


def require_room(crew: Crew) -> None:
    """All room is free again: as much as ever can be begun without waiting."""
    works = Works()
    begun = threading.Thread(target=lambda: [crew.begin(works.pass_by) for _ in range(9)])
    begun.start()
    begun.join(WAIT_SECONDS)
    assert not begun.is_alive()


def test_no_more_is_begun_than_fits(crew: Crew) -> None:
    works = Works()
    drawn, ahead = 0, 0
    with crew:
        for _ in range(50):
            drawn += 1
            ahead = max(ahead, drawn - works.ended)
            crew.begin(works.pass_by)
    assert works.ended == 50
    assert works.most <= AT_ONCE
    assert ahead <= AT_ONCE + 1  # the one that waits for room
    with crew:
        require_room(crew)


def begin_all(
    crew: Crew,
    works: Iterable[Work],
    error: BaseException | None = None,
    before_error: Callable[[], object] = bool,
) -> None:
    """Begin these, then raise an error of the caller's own."""
    with crew:
        for work in works:
            crew.begin(work)
        before_error()
        if error is not None:
            raise error


def test_a_failure_is_raised_at_the_next_begin(crew: Crew) -> None:
    works = Works()
    drawn = itertools.count()

    def draw() -> Iterator[Work]:
        yield from [works.last] * (AT_ONCE - 1)
        yield works.fail
        for _ in drawn:
            yield works.last

    with pytest.raises(OSError, match="the first"):
        begin_all(crew, draw())
    assert works.begun == AT_ONCE
    assert works.cancelled == AT_ONCE - 1
    assert next(drawn) <= 2


@pytest.mark.parametrize("other", ["last", "fail_when_cancelled", "pass_by"])
def test_a_failure_is_raised_at_the_end(crew: Crew, other: str) -> None:
    works = Works()
    with pytest.raises(OSError, match="the first"):
        begin_all(crew, [getattr(works, other), works.fail])
    assert works.cancelled == (other != "pass_by")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("mine")])
@pytest.mark.parametrize("name", ["last", "fail_when_cancelled"])
def test_an_exception_of_the_caller_ends_all_and_is_raised(
    crew: Crew, error: BaseException, name: str
) -> None:
    works = Works()
    with pytest.raises(type(error)):
        begin_all(crew, [getattr(works, name)], error, lambda: works.has_begun.wait(WAIT_SECONDS))
    assert works.cancelled == 1


def test_what_is_told_at_cancel_is_raised(crew: Crew) -> None:
    works = Works()
    with pytest.raises(OSError, match="it is over"):
        begin_all(crew, [works.last], None, lambda: crew.cancel(OSError("it is over")))
    assert works.begun == works.cancelled


def test_what_never_began_frees_its_room(loop: asyncio.AbstractEventLoop, crew: Crew) -> None:
    works = Works()
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        is_held.set()
        may_go.wait(WAIT_SECONDS)

    def cancel() -> None:
        crew.cancel()  # tasks are made and cancelled in one go of the loop
        may_go.set()

    loop.call_soon_threadsafe(hold)
    assert is_held.wait(WAIT_SECONDS)
    with pytest.raises(ValueError, match="mine"):
        begin_all(crew, [works.last] * AT_ONCE, ValueError("mine"), cancel)
    assert works.begun == 0
    require_room(crew)
