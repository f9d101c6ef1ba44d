"""An S3 server that seems far away: `python -m staging_bench.late_proxy PORT SECONDS`.

Serves what listens on a port of the loopback at another, which it prints, until its stdin ends.
The first bytes of each request on a connection wait, the rest of the request behind them; bodies
and answers pass at once. A request begins where a client speaks again after an answer.
"""

import asyncio
import contextlib
import sys
from typing import cast


class Side(asyncio.Protocol):
    """One end of a connection: what comes in here goes out at the other side."""

    other: "Side"

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what came before."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.writelines(self._unsent)
        self._unsent.clear()
        if self._is_closed:
            self.transport.close()

    def send(self, data: bytes) -> None:
        """Send, now or as soon as there is a connection."""
        if self.transport is None:
            self._unsent.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """Close after what is still to be sent."""
        self._is_closed = True
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side as well."""
        self.other.close()

    def pause_writing(self) -> None:
        """Take nothing more in at the other side: it does not get away here."""
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self.other.transport is not None:
            self.other.transport.resume_reading()


class ServerSide(Side):
    """The end at the server."""

    def data_received(self, data: bytes) -> None:
        """Pass an answer on; after it comes another request."""
        self.other.is_answered = True  # type: ignore[attr-defined]
        self.other.send(data)


class ClientSide(Side):
    """The end at the client, where requests wait."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__()
        self.is_answered = True
        self._port, self._seconds = port, seconds
        self._held: list[bytes] = []
        self._tasks: set[asyncio.Task[object]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server."""
        super().connection_made(transport)
        self.other = ServerSide()
        self.other.other = self
        connecting = asyncio.get_running_loop().create_connection(
            lambda: self.other, "127.0.0.1", self._port
        )
        task: asyncio.Task[object] = asyncio.create_task(connecting)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def data_received(self, data: bytes) -> None:
        """Hold a request's beginning back, and what follows until that is gone."""
        if self._held:
            self._held.append(data)
        elif self.is_answered:
            self.is_answered = False
            self._held.append(data)
            asyncio.get_running_loop().call_later(self._seconds, self._release)
        else:
            self.other.send(data)

    def _release(self) -> None:
        self.other.send(b"".join(self._held))
        self._held.clear()


async def serve(port: int, seconds: float) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientSide(port, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
