"""Planning in a thread of its own: nothing lost, nothing without bound, failures raised."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.sync.ahead import COMPARISONS_AT_ONCE, LookAhead
from snakemake_executor_plugin_batchx.storage.sync.items import Item, UnorderedError
from snakemake_executor_plugin_batchx.storage.sync.plan import Action, Kind


class Counter:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.moved: list[str] = []
        self.skipped: list[str] = []
        self.is_planned = threading.Event()

    def begin_plan(self) -> None:
        self.moved, self.skipped = [], []

    def plan_move(self, item: Item) -> None:
        self.moved.append(item.name)

    def skip_item(self, item: Item) -> None:
        self.skipped.append(item.name)

    def end_plan(self) -> None:
        self.is_planned.set()

    def add_bytes(self, count: int) -> None:
        raise AssertionError

    def add_file(self) -> None:
        raise AssertionError


def make_actions(kind: Kind, count: int) -> Iterator[Action]:
    for number in range(count):
        yield Action(kind, Item(f"{kind.value}{number:06}", 1, 0.0), "why")


def is_even(item: Item) -> bool:
    return int(item.name[-1]) % 2 == 0


def never(item: Item) -> bool:
    raise AssertionError(item)


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_all_that_moves_comes_in_order_and_the_rest_is_counted() -> None:
    counter = Counter()

    def plan() -> Iterator[Action]:
        yield from make_actions(Kind.SKIP, 5)
        yield from make_actions(Kind.MOVE, 5)
        yield from make_actions(Kind.MAKE_FOLDER, 1)

    with LookAhead(plan(), never, counter) as ahead:
        names = [action.item.name for action in ahead]
    assert names == counter.moved
    assert names == [*(f"move{number:06}" for number in range(5)), "make folder000000"]
    assert len(counter.skipped) == 5
    assert counter.is_planned.is_set()
    assert not ahead.is_cut


def test_totals_are_known_before_anything_is_taken_but_within_bounds() -> None:
    counter = Counter()
    with LookAhead(make_actions(Kind.MOVE, 100), never, counter):
        assert counter.is_planned.wait(30)
    counter = Counter()
    with LookAhead(make_actions(Kind.MOVE, 100), never, counter, limit=10) as ahead:
        wait_until(lambda: len(counter.moved) == 11)  # one waits for a place
        taken = iter(ahead)
        next(taken)
        wait_until(lambda: len(counter.moved) == 12)
        assert not counter.is_planned.is_set()
        assert len(list(taken)) == 99
        assert counter.is_planned.is_set()


def test_contents_are_compared_several_at_a_time() -> None:
    counter = Counter()
    together = threading.Barrier(COMPARISONS_AT_ONCE)
    running = threading.Semaphore(COMPARISONS_AT_ONCE)

    def compare(item: Item) -> bool:
        assert running.acquire(blocking=False)
        together.wait(30)
        running.release()
        return is_even(item)

    count = 3 * COMPARISONS_AT_ONCE
    with LookAhead(make_actions(Kind.COMPARE, count), compare, counter) as ahead:
        actions = list(ahead)
    assert {(action.kind, action.reason) for action in actions} == {(Kind.MOVE, "content differs")}
    assert len(actions) == len(counter.skipped) == count // 2


def test_a_failure_of_a_comparison_is_raised() -> None:
    def fail(item: Item) -> bool:
        raise BatchxError(f"No {item.name}.")

    counter = Counter()
    with (
        LookAhead(make_actions(Kind.COMPARE, 100), fail, counter) as ahead,
        pytest.raises(BatchxError, match="No compare"),
    ):
        list(ahead)
    assert not counter.is_planned.is_set()


def test_a_failure_of_a_listing_is_raised() -> None:
    def plan() -> Iterator[Action]:
        yield from make_actions(Kind.MOVE, 1)
        raise BatchxError("No listing.")

    with (
        LookAhead(plan(), never, Counter()) as ahead,
        pytest.raises(BatchxError, match="No listing"),
    ):
        list(ahead)


def test_a_listing_out_of_order_ends_it_without_failure() -> None:
    def plan() -> Iterator[Action]:
        yield from make_actions(Kind.MOVE, 3)
        raise UnorderedError

    with LookAhead(plan(), never, Counter()) as ahead:
        assert len(list(ahead)) == 3
    assert ahead.is_cut


def test_who_takes_no_more_lets_it_end() -> None:
    with LookAhead(make_actions(Kind.MOVE, 10**9), never, Counter(), limit=5) as ahead:
        next(iter(ahead))
    wait_until(lambda: all(thread.name != "batchx-plan" for thread in threading.enumerate()))
    assert next(iter(ahead), None) is None
