"""Which items go together, on a simulated clock."""

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.batch.arrayer import Arrayer

QUIET, HOLD = 0.5, 5.0


def make_arrayer(time: SimulatedTime, max_size: int = 100) -> Arrayer[int]:
    return Arrayer(time.clock, quiet_seconds=QUIET, hold_seconds=HOLD, max_size=max_size)


def test_equal_keys_go_together_after_a_quiet_moment() -> None:
    time = SimulatedTime()
    arrayer = make_arrayer(time)
    for number in range(4):
        arrayer.add("even" if number % 2 == 0 else "odd", number)
    assert arrayer.take_ready() == []
    time.sleep(QUIET)
    assert arrayer.take_ready() == [[0, 2], [1, 3]]
    assert arrayer.take_ready() == []


def test_a_full_group_waits_for_nobody() -> None:
    arrayer = make_arrayer(SimulatedTime(), max_size=3)
    for number in range(7):
        arrayer.add("key", number)
    assert arrayer.take_ready() == [[0, 1, 2], [3, 4, 5]]


def test_what_is_expected_is_waited_for_but_not_for_long() -> None:
    time = SimulatedTime()
    arrayer = make_arrayer(time)
    arrayer.expect()
    arrayer.add("key", 1)
    time.sleep(HOLD - 0.1)
    assert arrayer.take_ready() == []
    time.sleep(0.1)
    assert arrayer.take_ready() == [[1]]
    arrayer.add("key", 2)
    arrayer.settle()
    time.sleep(QUIET)
    assert arrayer.take_ready() == [[2]]


def test_another_portion_may_be_announced() -> None:
    time = SimulatedTime()
    arrayer = make_arrayer(time)
    arrayer.add("key", 1)
    arrayer.expect_for(1.5)
    time.sleep(1.0)
    assert arrayer.take_ready() == []
    arrayer.add("key", 2)
    time.sleep(0.6)
    assert arrayer.take_ready() == [[1, 2]]


def test_what_is_cleared_does_not_come() -> None:
    time = SimulatedTime()
    arrayer = make_arrayer(time, max_size=2)
    for number in range(3):
        arrayer.add("key", number)
    assert arrayer.clear() == [0, 1, 2]
    time.sleep(HOLD)
    assert arrayer.take_ready() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2))))
def test_nothing_is_lost_doubled_or_mixed_and_nothing_waits_beyond_its_time(
    arrivals: list[tuple[int, float]],
) -> None:
    time = SimulatedTime()
    arrayer = make_arrayer(time, max_size=5)
    came: dict[int, tuple[int, float]] = {}
    went: list[int] = []

    def take() -> None:
        for group in arrayer.take_ready():
            assert len({came[item][0] for item in group}) == 1
            assert 1 <= len(group) <= 5
            went.extend(group)

    for number, (key, pause) in enumerate(arrivals):
        came[number] = (key, time.clock())
        arrayer.add(key, number)
        take()
        time.sleep(pause)
        take()
        overdue = {n for n, (_, at) in came.items() if time.clock() - at >= HOLD}
        assert overdue <= set(went)
    time.sleep(HOLD)
    take()
    assert sorted(went) == list(range(len(arrivals)))


def test_many_threads_lose_nothing() -> None:
    time = SimulatedTime()
    arrayer = make_arrayer(time, max_size=7)
    start = threading.Barrier(8)

    def add(worker: int) -> None:
        start.wait()
        for number in range(500):
            arrayer.add("key", worker * 500 + number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    time.sleep(HOLD)
    assert sorted(item for group in arrayer.take_ready() for item in group) == list(range(4000))
