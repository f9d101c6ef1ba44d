"""What all transfers of a process may use together: connections and memory."""

import asyncio
from collections import deque

CONNECTIONS = 64

MEMORY_BYTES = 96 * 1024 * 1024
"""For content on its way. With interpreter, boto3 and TLS a process stays below 256 MiB."""

MEMORY_SHARE = 8
"""Of a small container no more than this part of its memory is taken."""

LEAST_MEMORY_BYTES = 16 * 1024 * 1024


def choose_memory_bytes(limit_bytes: int | None) -> int:
    """Return the memory for content on its way, in a container of this limit (None: no limit)."""
    if limit_bytes is None:
        return MEMORY_BYTES
    return max(LEAST_MEMORY_BYTES, min(MEMORY_BYTES, limit_bytes // MEMORY_SHARE))


class Budget:
    """Hands out connections with memory, first come, first served. For one event loop."""

    def __init__(self, connections: int = CONNECTIONS, memory_bytes: int = MEMORY_BYTES) -> None:
        self.memory_bytes = memory_bytes
        self._free_connections = connections
        self._free_bytes = memory_bytes
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

    def take(self, size: int) -> "Share":
        """Hold one connection and `size` bytes, or all bytes there are, in an `async with`."""
        return Share(self, size)

    async def acquire(self, size: int) -> None:
        """Wait for one connection and `size` bytes, to be given back by `release`."""
        size = min(size, self.memory_bytes)
        if not self._queue and self._take_now(size):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(size)
            else:
                self._serve()  # those behind may fit
            raise

    def release(self, size: int) -> None:
        """Give back what was acquired with the same size."""
        self._free_connections += 1
        self._free_bytes += min(size, self.memory_bytes)
        self._serve()

    def _serve(self) -> None:
        while self._queue:
            turn, wanted = self._queue[0]
            if not turn.done() and not self._take_now(wanted):
                return
            self._queue.popleft()
            if not turn.done():
                turn.set_result(None)

    def _take_now(self, size: int) -> bool:
        if self._free_connections < 1 or self._free_bytes < size:
            return False
        self._free_connections -= 1
        self._free_bytes -= size
        return True


class Share:
    """What is held of a budget; no generator, which takes longer than all the rest here."""

    def __init__(self, budget: Budget, size: int) -> None:
        self._budget = budget
        self._size = size

    async def __aenter__(self) -> None:
        await self._budget.acquire(self._size)

    async def __aexit__(self, *_error: object) -> None:
        self._budget.release(self._size)
