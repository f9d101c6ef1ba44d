"""When Batch is asked, on a simulated clock."""

from collections.abc import Sequence
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.watcher import (
    FIRST_INTERVAL_SECONDS,
    MIN_MISSING_SECONDS,
    Poll,
    Watcher,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Describer:
    def __init__(self, statuses: dict[str, str]) -> None:
        self.statuses = statuses
        self.calls: list[list[str]] = []

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        self.calls.append(list(job_ids))
        known = self.statuses
        return [{"jobId": j, "status": known[j]} for j in job_ids if j in known]


def run_for(watcher: Watcher, clock: Clock, job_ids: list[str], seconds: float) -> list[Poll]:
    polls = []
    end = clock.now + seconds
    while clock.now < end:
        poll = watcher.poll_if_due(job_ids)
        polls.append(poll)
        clock.now += 0.1
    return polls


def test_a_new_job_is_asked_about_soon_and_a_steady_one_ever_less() -> None:
    clock, describer = Clock(), Describer({"a": "RUNNING"})
    watcher = Watcher(describer, clock, max_interval_seconds=10)
    run_for(watcher, clock, ["a"], FIRST_INTERVAL_SECONDS)
    assert describer.calls == [["a"]]
    run_for(watcher, clock, ["a"], 600)
    assert 55 <= len(describer.calls) <= 80


def test_never_later_than_the_user_wants() -> None:
    clock, describer = Clock(), Describer({"a": "RUNNING"})
    watcher = Watcher(describer, clock, max_interval_seconds=2)
    run_for(watcher, clock, ["a"], 600)
    assert len(describer.calls) >= 600 / 2.2


def test_a_change_makes_it_quick_again() -> None:
    clock, describer = Clock(), Describer({"a": "RUNNABLE"})
    watcher = Watcher(describer, clock, max_interval_seconds=30)
    run_for(watcher, clock, ["a"], 300)
    describer.statuses["a"] = "RUNNING"
    seen = len(describer.calls)
    while len(describer.calls) == seen:
        run_for(watcher, clock, ["a"], 0.1)
    run_for(watcher, clock, ["a"], 3)
    assert len(describer.calls) - seen >= 4


def test_nothing_is_asked_with_no_jobs() -> None:
    clock, describer = Clock(), Describer({})
    polls = run_for(Watcher(describer, clock, 1), clock, [], 5)
    assert set(polls) == {Poll()}
    assert describer.calls == []


def test_a_job_unknown_at_first_is_awaited() -> None:
    clock, describer = Clock(), Describer({})
    watcher = Watcher(describer, clock, max_interval_seconds=1)
    polls = run_for(watcher, clock, ["a"], 20)
    describer.statuses["a"] = "RUNNING"
    polls += run_for(watcher, clock, ["a"], 600)
    assert [poll.lost for poll in polls if poll.lost] == []


def test_a_job_unknown_for_long_is_lost() -> None:
    clock, describer = Clock(), Describer({"b": "RUNNING"})
    watcher = Watcher(describer, clock, max_interval_seconds=1)
    started = clock.now
    lost_at = None
    while lost_at is None and clock.now < started + 600:
        if "a" in watcher.poll_if_due(["a", "b"]).lost:
            lost_at = clock.now - started
        clock.now += 0.1
    assert lost_at is not None
    assert lost_at >= MIN_MISSING_SECONDS


def test_a_failing_call_is_not_repeated_at_once() -> None:
    clock = Clock()

    class Broken:
        calls = 0

        def describe_jobs(self, _: Sequence[str]) -> list[dict[str, Any]]:
            self.calls += 1
            raise ConnectionError

    broken = Broken()
    watcher = Watcher(broken, clock, max_interval_seconds=10)
    for _ in range(20):
        clock.now += 0.1
        try:
            watcher.poll_if_due(["a"])
        except ConnectionError:
            continue
    assert broken.calls <= 2 / FIRST_INTERVAL_SECONDS
    clock.now += 10
    with pytest.raises(ConnectionError):
        watcher.poll_if_due(["a"])
