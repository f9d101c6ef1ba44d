"""How ends of containers are learnt of when the engine itself goes away."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.docker_deaths import DeathWatch
from snakemake_executor_plugin_batchx.local.docker_engine import DaemonError

PATIENCE_SECONDS = 30


class Stream:
    """Tells some ends, then breaks off, or waits to be closed."""

    def __init__(
        self, ids: list[str], *, is_lasting: bool, at_end: Callable[[], object] = lambda: None
    ):
        self._ids = ids
        self._at_end = at_end
        self._closed: queue.SimpleQueue[None] = queue.SimpleQueue()
        if not is_lasting:
            self.close()

    def __iter__(self) -> Iterator[str]:
        yield from self._ids
        self._closed.get()
        self._at_end()

    def close(self) -> None:
        self._closed.put(None)


@dataclass
class Engine:
    """Streams to give out in order (None: no answer), and the containers that still run."""

    streams: list[Stream | None]
    running: set[str] = field(default_factory=set)
    asked_since: list[int] = field(default_factory=list)

    def watch_deaths(self, label: str, since: int) -> Stream:
        assert label == "key=value"
        self.asked_since.append(since)
        stream = self.streams.pop(0)
        if stream is None:
            raise DaemonError("connection refused")
        return stream

    def is_running(self, container_id: str) -> bool:
        return container_id in self.running


def test_ends_that_went_unseen_are_asked_for() -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    lasting = Stream(["late"], is_lasting=True)
    running = {"runs", "gone"}
    breaking = Stream(["seen"], is_lasting=False, at_end=lambda: running.discard("gone"))
    engine = Engine([breaking, None, lasting], running)
    watch = DeathWatch(
        engine,  # type: ignore[arg-type]
        "key=value",
        lambda: ["runs", "gone"],
        told.put,
        pause_seconds=0.01,
    )
    assert [told.get(timeout=PATIENCE_SECONDS) for _ in range(3)] == ["seen", "gone", "late"]
    watch.close()
    assert len(set(engine.asked_since)) == 1
    assert told.empty()


def test_an_engine_that_stays_away_has_lost_its_containers() -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    lasting = Stream([], is_lasting=True)
    engine = Engine([None, None, None, lasting])
    watch = DeathWatch(
        engine,  # type: ignore[arg-type]
        "key=value",
        lambda: ["runs"],
        told.put,
        pause_seconds=0.01,
        gone_seconds=0.0,
    )
    assert told.get(timeout=PATIENCE_SECONDS) == "runs"
    watch.close()
