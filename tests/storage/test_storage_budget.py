"""The budget: first come, first served, and nothing lost of it, whoever is cancelled when."""

import asyncio
from collections.abc import Sequence

import pytest

from snakemake_executor_plugin_batchx.storage.budget import (
    LEAST_MEMORY_BYTES,
    MEMORY_BYTES,
    MEMORY_SHARE,
    Budget,
    choose_memory_bytes,
)

WHOLE = 100


@pytest.mark.parametrize(
    ("limit", "memory"),
    [
        (None, MEMORY_BYTES),
        (1, LEAST_MEMORY_BYTES),
        (LEAST_MEMORY_BYTES * MEMORY_SHARE, LEAST_MEMORY_BYTES),
        (LEAST_MEMORY_BYTES * MEMORY_SHARE * 2, LEAST_MEMORY_BYTES * 2),
        (MEMORY_BYTES * MEMORY_SHARE, MEMORY_BYTES),
        (MEMORY_BYTES * MEMORY_SHARE * 2, MEMORY_BYTES),
    ],
)
def test_memory_is_a_share_of_the_container(limit: int | None, memory: int) -> None:
    assert choose_memory_bytes(limit) == memory


class Holders:
    """Tasks that take from a budget, named by their place in the order; each holds until ended."""

    def __init__(self, budget: Budget, sizes: Sequence[int]) -> None:
        self.held: list[int] = []
        self._ends = [asyncio.Event() for _ in sizes]
        self.tasks = [
            asyncio.create_task(self._hold(budget, number, size))
            for number, size in enumerate(sizes)
        ]

    async def _hold(self, budget: Budget, number: int, size: int) -> None:
        async with budget.take(size):
            self.held.append(number)
            await self._ends[number].wait()

    async def end(self, number: int) -> None:
        self._ends[number].set()
        await settle()

    async def end_all(self) -> None:
        for end in self._ends:
            end.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    """Let all tasks come as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def require_whole(budget: Budget, connections: int) -> None:
    """All connections and all memory are free, and no more than that."""
    sizes = [WHOLE - connections + 1] + [1] * (connections - 1)
    holders = Holders(budget, [*sizes, 0])
    await settle()
    assert holders.held == list(range(connections))
    await holders.end_all()
    holders = Holders(budget, [WHOLE, 1])
    await settle()
    assert holders.held == [0]
    await holders.end_all()


@pytest.mark.parametrize(
    ("connections", "sizes", "at_first", "then"),
    [
        (3, [10, 20, 70], [0, 1, 2], [0, 1, 2]),
        (3, [60, 60, 10], [0], [0, 1, 2]),
        (1, [0, 0, 0], [0], [0, 1]),
        (3, [WHOLE + 1, 1], [0], [0, 1]),
        (3, [1, 10 * WHOLE, 1], [0], [0, 1]),
        (3, [0, WHOLE, 0, 0], [0, 1, 2], [0, 1, 2, 3]),
    ],
    ids=["all fit", "none overtakes", "connections", "above all", "above all waits", "no memory"],
)
def test_first_come_first_served(
    connections: int, sizes: list[int], at_first: list[int], then: list[int]
) -> None:
    async def run() -> None:
        budget = Budget(connections, WHOLE)
        holders = Holders(budget, sizes)
        await settle()
        assert holders.held == at_first
        await holders.end(0)
        assert holders.held == then
        await holders.end_all()
        assert holders.held == list(range(len(sizes)))
        await require_whole(budget, connections)

    asyncio.run(run())


@pytest.mark.parametrize("is_granted", [False, True], ids=["waiting", "just granted"])
@pytest.mark.parametrize("size", [1, WHOLE, 10 * WHOLE])
def test_who_is_cancelled_gives_back(size: int, is_granted: bool) -> None:
    async def run() -> None:
        budget = Budget(2, WHOLE)
        await budget.acquire(WHOLE)
        holders = Holders(budget, [size, WHOLE])
        await settle()
        if is_granted:
            budget.release(WHOLE)  # its turn has come; it has not run since
            holders.tasks[0].cancel()
        else:
            holders.tasks[0].cancel()
            await settle()
            budget.release(WHOLE)
        await settle()
        assert holders.tasks[0].cancelled()
        assert holders.held == [1]
        await holders.end_all()
        await require_whole(budget, 2)

    asyncio.run(run())


def test_who_fails_or_is_cancelled_while_holding_gives_back() -> None:
    async def fail(budget: Budget) -> None:
        async with budget.take(WHOLE):
            raise OSError("the disk")

    async def run() -> None:
        budget = Budget(2, WHOLE)
        with pytest.raises(OSError, match="the disk"):
            await fail(budget)
        holders = Holders(budget, [WHOLE])
        await settle()
        holders.tasks[0].cancel()
        await settle()
        await require_whole(budget, 2)

    asyncio.run(run())


def test_who_is_cancelled_lets_those_behind_go_on() -> None:
    async def run() -> None:
        holders = Holders(Budget(3, WHOLE), [60, 80, 10])
        await settle()
        holders.tasks[1].cancel()
        await settle()
        held = list(holders.held)
        await holders.end_all()
        assert held == [0, 2]

    asyncio.run(run())
