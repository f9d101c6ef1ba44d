"""When the status is told: always on a terminal, now and then elsewhere."""

import io

from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.status.teller import (
    CHANGED_SECONDS,
    FIRST_SECONDS,
    SAME_SECONDS,
    TERMINAL_SECONDS,
    Status,
    StatusTeller,
)
from snakemake_executor_plugin_batchx.terminal_line import CLEAR_LINE, TerminalLine

BEAT_SECONDS = 0.2


class World:
    """A teller, what it said, and a clock that stands still until it is told."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.time = SimulatedTime()
        self.terminal = io.StringIO()
        self.said: list[tuple[float, str]] = []
        self.line = TerminalLine(self.terminal, lambda: 40) if is_terminal else None
        self.teller = StatusTeller(
            self.time.clock, lambda text: self.said.append((self.time.now, text)), self.line
        )

    def tell(self, text: str, seconds: float, lasting: str | None = None) -> None:
        """Let so many seconds pass while the status is this."""
        status = Status(text, text if lasting is None else lasting)
        for _ in range(round(seconds / BEAT_SECONDS)):
            self.time.now += BEAT_SECONDS
            self.teller.tell(lambda: status)

    @property
    def drawn(self) -> list[str]:
        return self.terminal.getvalue().split(CLEAR_LINE)[1:]


def test_a_log_gets_a_line_when_something_changed_and_seldom_else() -> None:
    world = World(is_terminal=False)
    world.tell("one", 100)
    world.tell("two", 1300)
    times = [round(time) for time, _ in world.said]
    assert [text for _, text in world.said] == ["one", "two", "two", "two"]
    assert times == [
        FIRST_SECONDS,
        100,
        100 + SAME_SECONDS,
        100 + 2 * SAME_SECONDS,
    ]
    assert times[1] - times[0] >= CHANGED_SECONDS


def test_nothing_is_said_where_nothing_goes_on() -> None:
    world = World(is_terminal=False)
    world.tell("", 1000)
    assert world.said == []


def test_a_terminal_is_written_over_each_second() -> None:
    world = World(is_terminal=True)
    world.tell("one", 1.0)
    world.tell("two", 2.0)
    assert TERMINAL_SECONDS == 1.0
    assert world.drawn == ["one", "two", "two"]
    assert world.said == []


def test_what_is_said_meanwhile_has_the_line_for_itself() -> None:
    world = World(is_terminal=True)
    world.tell("one", 1.0)
    assert world.line is not None
    world.line.clear()
    world.terminal.write("something else\n")
    world.tell("one", 0.2)
    assert world.drawn == ["one", "something else\n", "one"]


def test_a_line_is_cut_to_the_terminal_and_gone_at_the_end() -> None:
    world = World(is_terminal=True)
    world.tell("x" * 100, 0.2)
    world.teller.close()
    world.teller.close()
    assert world.drawn == ["x" * 39, ""]


class ClosedTerminal(io.StringIO):
    """A terminal whose window is closed after a while."""

    is_open = True

    def write(self, text: str) -> int:
        if not self.is_open:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_a_closed_terminal_stops_nobody() -> None:
    terminal = ClosedTerminal()
    line = TerminalLine(terminal, lambda: 40)
    line.write("one")
    terminal.is_open = False
    line.clear()
    terminal.is_open = True
    line.write("two")
    line.clear()
    assert terminal.getvalue() == CLEAR_LINE + "one"


def test_that_time_goes_on_is_no_news() -> None:
    world = World(is_terminal=False)
    for minute in range(9):
        world.tell(f"40 waiting ({minute} min: it is full)", 60, "40 waiting (it is full)")
    assert len(world.said) == 1
    world.tell("40 waiting (9 min: it is DISABLED)", 60, "40 waiting (it is DISABLED)")
    assert len(world.said) == 2


def test_a_status_is_part_of_a_longer_one() -> None:
    whole = Status("2 min: full", "full").wrap(lambda why: f"4 waiting ({why})")
    assert whole == Status("4 waiting (2 min: full)", "4 waiting (full)")
