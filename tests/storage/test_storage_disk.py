"""Work on the disk: on the loop while it is quick, in threads while not, and never left behind."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.storage.disk import SEEN_ONE_IN, SLOW_SECONDS, WEIGHT, Disk

WAIT_SECONDS = 30


class FakeDisk:
    """A clock, and work that takes as long as one says."""

    def __init__(self) -> None:
        self.now = 0.0

    def work(self, seconds: float) -> bool:
        """Tell whether this was done on the loop's thread."""
        self.now += seconds
        return threading.current_thread() is threading.main_thread()

    def fail(self, seconds: float) -> None:
        self.work(seconds)
        raise OSError("full")


@pytest.fixture
def fake() -> FakeDisk:
    return FakeDisk()


@pytest.fixture
def disk(fake: FakeDisk) -> Iterator[Disk]:
    disk = Disk(lambda: fake.now)
    yield disk
    disk.close()


SLOWEST_OF_QUICK = SLOW_SECONDS / WEIGHT * 0.99
"""A single piece of work of this length is no reason for threads yet."""


@pytest.mark.parametrize(
    ("seconds", "are_here"),
    [
        ([0.0] * 5, [True] * 5),
        ([SLOW_SECONDS * 0.99] * 200, [True] * 200),
        ([SLOWEST_OF_QUICK, 0, SLOWEST_OF_QUICK * 2, 0], [True, True, True, False]),
        ([1.0, 1.0, 0.0], [True, False, False]),
        ([0.03, *[0.0] * 9], [True, *[False] * 4, *[True] * 5]),
    ],
    ids=["at once", "just quick", "a hitch", "slow", "quick again"],
)
def test_how_long_work_takes_decides(
    disk: Disk, fake: FakeDisk, seconds: list[float], are_here: list[bool]
) -> None:
    async def run() -> list[bool]:
        return [await disk.run(fake.work, each) for each in seconds]

    assert asyncio.run(run()) == are_here


def test_failures_count_and_are_raised(disk: Disk, fake: FakeDisk) -> None:
    async def run() -> bool:
        for _ in range(2):  # on the loop, then in a thread
            with pytest.raises(OSError, match="full"):
                await disk.run(fake.fail, 1.0)
        return await disk.run(fake.work, 0.0)

    assert asyncio.run(run()) is False


@pytest.mark.parametrize("cancellations", [0, 1, 2])
def test_long_work_ends_first(disk: Disk, cancellations: int) -> None:
    assert asyncio.run(cancel_long_work(disk, cancellations)) == ["work", "caller"]


async def cancel_long_work(disk: Disk, cancellations: int) -> list[str]:
    """Return in which order work and its caller ended, who is cancelled so many times."""
    loop = asyncio.get_running_loop()
    has_begun, may_end = asyncio.Event(), threading.Event()
    ended: list[str] = []

    def work() -> None:
        loop.call_soon_threadsafe(has_begun.set)
        may_end.wait(WAIT_SECONDS)
        ended.append("work")

    async def call() -> None:
        try:
            await disk.run_long(work)
        finally:
            ended.append("caller")

    caller = asyncio.create_task(call())
    await has_begun.wait()
    for _ in range(cancellations):
        caller.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
    may_end.set()
    await asyncio.wait([caller])
    assert caller.cancelled() is bool(cancellations)
    return ended


def test_others_may_write_while_that_is_quick(disk: Disk, fake: FakeDisk) -> None:
    assert [disk.may_skip() for _ in range(2 * SEEN_ONE_IN)].count(False) == 2
    asyncio.run(disk.run(fake.work, 1.0))
    assert not any(disk.may_skip() for _ in range(SEEN_ONE_IN))


def test_a_folder_is_looked_for_until_it_is_there(disk: Disk, tmp_path: Path) -> None:
    async def run() -> list[bool]:
        seen = [await disk.has_folder(str(tmp_path / "a"))]
        (tmp_path / "a").mkdir()
        return [*seen, await disk.has_folder(str(tmp_path / "a"))]

    assert asyncio.run(run()) == [False, True]
