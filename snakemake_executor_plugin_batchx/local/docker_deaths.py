"""One thread that learns of every container's end from the engine's events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from snakemake_executor_plugin_batchx.local.docker_engine import (
    DaemonError,
    DeathStream,
    DockerEngine,
)

PAUSE_SECONDS = 1.0
GONE_SECONDS = 30.0


class DeathWatch:
    """Tells the ids of containers that ended, each at least once.

    Args:
        engine: the Docker engine.
        label: which containers, as ``key=value``.
        list_running: the ids of containers whose end is awaited.
        tell: called from the thread with an id.
        pause_seconds: before the engine is asked again.
        gone_seconds: how long it may be away before its containers are given up.
    """

    def __init__(
        self,
        engine: DockerEngine,
        label: str,
        list_running: Callable[[], Iterable[str]],
        tell: Callable[[str], object],
        *,
        pause_seconds: float = PAUSE_SECONDS,
        gone_seconds: float = GONE_SECONDS,
    ):
        self._engine = engine
        self._label = label
        self._list_running = list_running
        self._tell = tell
        self._pause_seconds = pause_seconds
        self._gone_seconds = gone_seconds
        self._since = int(time.time())
        self._lock = threading.Lock()
        self._stream: DeathStream | None = None
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="batchx-deaths", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._is_closing.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()
        self._thread.join()

    def _watch(self) -> None:
        seen_at = time.monotonic()
        while not self._is_closing.is_set():
            try:
                stream = self._open_stream()
                # What died before it, and is not told any more, must be asked for.
                self._ask()
                self._follow(stream)
                seen_at = time.monotonic()
            except DaemonError:
                if time.monotonic() - seen_at > self._gone_seconds:
                    self._give_up()
            self._is_closing.wait(self._pause_seconds)

    def _open_stream(self) -> DeathStream:
        stream = self._engine.watch_deaths(self._label, self._since)
        with self._lock:
            self._stream = stream
            if self._is_closing.is_set():
                stream.close()
        return stream

    def _follow(self, stream: DeathStream) -> None:
        """Tells of ends until the stream ends or breaks off."""
        with suppress(DaemonError):
            for container_id in stream:
                self._tell(container_id)

    def _ask(self) -> None:
        for container_id in list(self._list_running()):
            if not self._engine.is_running(container_id):
                self._tell(container_id)

    def _give_up(self) -> None:
        for container_id in list(self._list_running()):
            self._tell(container_id)
