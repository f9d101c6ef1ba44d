"""What a sync shows while files move: on a terminal, in a log, and in the end."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pytest

from snakemake_executor_plugin_batchx.cli.sync_progress import (
    Progress,
    format_duration,
)
from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.sync.plan import Direction
from snakemake_executor_plugin_batchx.terminal_line import CLEAR_LINE

MIB = 1 << 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class World:
    """A progress whose clock stands still until it is told."""

    stream: io.StringIO
    columns: int = 200
    is_quiet: bool = False
    now: float = 1000.0
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(
            Direction.SEND,
            self.stream,
            lambda: self.now,
            lambda: self.columns,
            is_quiet=self.is_quiet,
        )

    def move(self, seconds: float, size: int, steps: int = 4) -> None:
        """Move a file of so many bytes in so many steps."""
        for _ in range(steps):
            self.now += seconds / steps
            self.progress.add_bytes(size // steps)
        self.progress.add_file()

    def plan(self, *sizes: int) -> None:
        for number, size in enumerate(sizes):
            self.progress.plan_move(Item(f"{number}", size, 0.0))

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().replace(CLEAR_LINE, "\n").split("\n")[1:]


def test_a_terminal_has_one_line_that_is_written_over() -> None:
    world = World(Terminal())
    world.plan(4 * MIB, 4 * MIB, 8 * MIB)
    world.move(4.0, 4 * MIB)
    assert world.lines == [
        "0 of at least 3 files, 1.0 MiB of at least 16.0 MiB, 1.0 MiB/s, at least 0:15 left",
        "0 of at least 3 files, 2.0 MiB of at least 16.0 MiB, 1.0 MiB/s, at least 0:14 left",
        "0 of at least 3 files, 3.0 MiB of at least 16.0 MiB, 1.0 MiB/s, at least 0:13 left",
        "0 of at least 3 files, 4.0 MiB of at least 16.0 MiB, 1.0 MiB/s, at least 0:12 left",
    ]
    world.progress.skip_item(Item("same", 1, 0.0))
    world.progress.end_plan()
    world.move(4.0, 4 * MIB)
    assert world.lines[-1] == (
        "1 of 3 files, 8.0 MiB of 16.0 MiB, 1.0 MiB/s, 0:08 left, 1 unchanged"
    )
    world.progress.close()
    assert world.stream.getvalue().endswith(CLEAR_LINE)
    world.move(4.0, 4 * MIB)
    assert world.stream.getvalue().endswith(CLEAR_LINE)


def test_a_terminal_is_written_to_some_times_a_second() -> None:
    world = World(Terminal())
    world.plan(10_000)
    world.move(10.0, 10_000, steps=10_000)
    assert 30 <= len(world.lines) <= 41


def test_a_line_is_no_longer_than_the_terminal() -> None:
    world = World(Terminal(), columns=20)
    world.plan(MIB)
    world.move(1.0, MIB)
    assert {len(line) for line in world.lines} == {19}


def test_the_rate_is_that_of_the_last_seconds() -> None:
    world = World(Terminal())
    world.plan(*(100 * MIB for _ in range(30)))
    for _ in range(10):
        world.move(1.0, 100 * MIB)
    for _ in range(12):
        world.move(1.0, 4 * MIB)
    assert "4.0 MiB/s" in world.lines[-1]


def test_a_log_gets_a_line_now_and_then() -> None:
    world = World(io.StringIO())
    world.plan(*(MIB for _ in range(100)))
    world.progress.end_plan()
    for _ in range(100):
        world.move(1.0, MIB)
    assert world.stream.getvalue().splitlines() == [
        "batchx: 29 of 100 files, 30.0 MiB of 100.0 MiB, 1.0 MiB/s, 1:10 left",
        "batchx: 59 of 100 files, 60.0 MiB of 100.0 MiB, 1.0 MiB/s, 0:40 left",
        "batchx: 89 of 100 files, 90.0 MiB of 100.0 MiB, 1.0 MiB/s, 0:10 left",
    ]
    world.progress.close()
    assert len(world.stream.getvalue().splitlines()) == 3


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_quiet_one_writes_nothing(stream: io.StringIO) -> None:
    world = World(stream, is_quiet=True)
    world.plan(MIB)
    world.move(100.0, MIB)
    world.progress.close()
    assert stream.getvalue() == ""


def test_the_summaries() -> None:
    world = World(io.StringIO())
    world.progress.skip_item(Item("same", 1, 0.0))
    world.progress.skip_item(Item("folder/", 0, 0.0))
    world.plan(3 * MIB, 9 * MIB)
    world.progress.plan_move(Item("folder/", 0, 0.0))
    assert world.progress.summarize_plan() == "would send 2 files, 12.0 MiB; 1 unchanged"
    world.move(1.0, 3 * MIB)
    assert world.progress.summarize() == "1 file, 3.0 MiB sent in 1.0 s (3.0 MiB/s), 1 unchanged"
    world.move(2.0, 9 * MIB)
    assert world.progress.summarize() == "2 files, 12.0 MiB sent in 3.0 s (4.0 MiB/s), 1 unchanged"


def test_a_plan_that_begins_anew_counts_what_is_done_once() -> None:
    world = World(io.StringIO())
    world.plan(MIB, MIB)
    world.progress.skip_item(Item("same", 1, 0.0))
    world.move(1.0, MIB)
    world.progress.begin_plan()
    world.progress.skip_item(Item("same", 1, 0.0))
    world.plan(MIB)
    assert world.progress.summarize_plan() == "would send 2 files, 2.0 MiB; 1 unchanged"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (7322, "2:02:02")]
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
