"""When Batch is asked and about what, on a simulated clock."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE, EMBEDDED_PACE, Pace
from snakemake_executor_plugin_batchx.batch.watcher import (
    MIN_MISSING_SECONDS,
    ArrayCounts,
    Poll,
    Watcher,
    make_child_id,
    split_child_id,
)


@dataclass
class Account:
    """Jobs and their statuses, as DescribeJobs and ListJobs tell them; counts the calls."""

    statuses: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    listed: int = 0

    def add_array(self, parent: str, size: int, status: str = "RUNNING") -> list[str]:
        ids = [make_child_id(parent, index) for index in range(size)]
        self.statuses |= dict.fromkeys(ids, status)
        self.statuses[parent] = "PENDING"
        return ids

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        self.calls["DescribeJobs"] += -(-len(job_ids) // 100)
        return [self._describe(job_id) for job_id in job_ids if job_id in self.statuses]

    def list_children(self, array_job_id: str, status: str) -> list[dict[str, Any]]:
        found = [{"jobId": c, "status": status} for c in self._list_children(array_job_id, status)]
        self.listed += len(found)
        self.calls["ListJobs"] += max(1, -(-len(found) // 1000))
        return found

    def _list_children(self, parent: str, status: str) -> list[str]:
        return [j for j, s in self.statuses.items() if j.startswith(parent + ":") and s == status]

    def _describe(self, job_id: str) -> dict[str, Any]:
        detail: dict[str, Any] = {"jobId": job_id, "status": self.statuses[job_id]}
        children = [s for j, s in self.statuses.items() if j.startswith(job_id + ":")]
        if children:
            detail["arrayProperties"] = {"size": len(children), "statusSummary": Counter(children)}
        return detail


class World:
    def __init__(self, longest_seconds: float = 10, pace: Pace = AWS_PACE) -> None:
        self.time = SimulatedTime()
        self.account = Account()
        self.watcher = Watcher(self.account, self.time.clock, longest_seconds, pace)

    def run_for(self, seconds: float) -> list[Poll]:
        polls = []
        end = self.time.now + seconds
        while self.time.now < end:
            polls.append(self.watcher.poll_if_due())
            self.time.sleep(0.1)
        return polls


def list_ended(polls: list[Poll]) -> dict[str, str]:
    """Return the last status of each job that a poll told to have ended; none may come twice."""
    ended = [s for poll in polls for s in poll.states if s.is_terminal]
    assert len({state.job_id for state in ended}) == len(ended)
    return {state.job_id: state.status for state in ended}


@pytest.mark.parametrize("job_id", ["a", "a:0", "a:9999"])
def test_child_ids_are_split_as_they_are_made(job_id: str) -> None:
    parent, index = split_child_id(job_id)
    assert (parent if index is None else make_child_id(parent, index)) == job_id


def test_a_new_job_is_asked_about_soon_and_a_steady_one_ever_less() -> None:
    world = World()
    world.account.statuses["a"] = "RUNNING"
    world.watcher.watch(["a"])
    world.run_for(AWS_PACE.first_look_seconds + 0.1)
    assert world.account.calls == {"DescribeJobs": 1}
    world.run_for(600)
    assert 60 <= world.account.calls["DescribeJobs"] <= 63


@pytest.mark.parametrize("pace", [AWS_PACE, EMBEDDED_PACE])
def test_never_later_than_the_user_wants(pace: Pace) -> None:
    world = World(longest_seconds=2, pace=pace)
    world.account.statuses["a"] = "RUNNING"
    world.watcher.watch(["a"])
    world.run_for(600)
    assert world.account.calls["DescribeJobs"] >= 600 / 2.2


def test_an_end_makes_it_quick_again() -> None:
    world = World(longest_seconds=30)
    world.account.statuses |= {"a": "RUNNING", "b": "RUNNING"}
    world.watcher.watch(["a", "b"])
    world.run_for(300)
    world.account.statuses["a"] = "SUCCEEDED"
    assert list_ended(world.run_for(30)) == {"a": "SUCCEEDED"}
    seen = world.account.calls["DescribeJobs"]
    world.run_for(5)
    assert world.account.calls["DescribeJobs"] - seen <= 2
    world.account.statuses["b"] = "FAILED"
    assert list_ended(world.run_for(30)) == {"b": "FAILED"}


def test_nothing_is_asked_with_no_jobs_nor_when_all_have_ended() -> None:
    world = World()
    assert set(world.run_for(5)) == {Poll()}
    world.account.statuses["a"] = "SUCCEEDED"
    world.watcher.watch(["a"])
    world.run_for(60)
    assert world.account.calls == {"DescribeJobs": 1}


def test_few_children_are_described_themselves() -> None:
    world = World()
    ids = world.account.add_array("p", 60) + world.account.add_array("q", 40)
    world.watcher.watch(ids)
    world.run_for(1.2)
    assert world.account.calls == {"DescribeJobs": 1}
    world.account.statuses |= {"p:7": "SUCCEEDED", "q:3": "FAILED"}
    assert list_ended(world.run_for(10)) == {"p:7": "SUCCEEDED", "q:3": "FAILED"}
    assert world.account.calls["ListJobs"] == 0


def test_of_a_large_array_the_parent_is_described_and_what_ended_is_listed() -> None:
    world = World()
    ids = world.account.add_array("p", 10_000)
    world.watcher.watch(ids)
    world.run_for(100)
    looks = world.account.calls["DescribeJobs"]
    assert looks <= 13
    assert world.account.calls["ListJobs"] == 0
    world.account.statuses |= dict.fromkeys(ids[:1500], "SUCCEEDED") | {"p:5000": "FAILED"}
    ended = list_ended(world.run_for(10))
    assert ended == dict.fromkeys(ids[:1500], "SUCCEEDED") | {"p:5000": "FAILED"}
    assert world.account.calls["ListJobs"] == 2 + 1
    world.account.statuses |= dict.fromkeys(ids, "SUCCEEDED") | {"p": "FAILED"}
    assert len(list_ended(world.run_for(20))) == 10_000 - 1501
    world.run_for(100)
    # Two pages and ten of what had succeeded, the one failure described, and the parent.
    assert world.account.calls["ListJobs"] == 3 + 10 + 0
    assert world.account.calls["DescribeJobs"] <= looks + 7


def test_a_summary_that_runs_ahead_of_the_list_is_looked_into_again() -> None:
    world = World()
    ids = world.account.add_array("p", 2000)
    world.watcher.watch(ids)
    world.run_for(30)
    list_children = world.account.list_children
    world.account.statuses |= dict.fromkeys(ids[1:11], "SUCCEEDED")
    world.account.list_children = lambda *_: []  # type: ignore[method-assign]
    assert list_ended(world.run_for(12)) == {}
    world.account.list_children = list_children  # type: ignore[method-assign]
    assert len(list_ended(world.run_for(12))) == 10


def test_the_last_children_of_a_large_array_are_described() -> None:
    world = World()
    ids = world.account.add_array("p", 3000)
    world.watcher.watch(ids)
    world.account.statuses |= dict.fromkeys(ids[50:], "SUCCEEDED")
    assert len(list_ended(world.run_for(10))) == 2950
    listed = world.account.calls["ListJobs"]
    world.account.statuses |= dict.fromkeys(ids[:50], "SUCCEEDED")
    assert len(list_ended(world.run_for(20))) == 50
    assert world.account.calls["ListJobs"] == listed


def test_a_look_of_many_calls_waits_longer_while_jobs_end() -> None:
    world = World()
    ids = [f"job-{number}" for number in range(450)]
    world.account.statuses |= dict.fromkeys(ids, "RUNNING")
    world.watcher.watch(ids)
    for number in range(200):
        world.account.statuses[f"job-{number}"] = "SUCCEEDED"
        world.run_for(1)
    assert world.account.calls["DescribeJobs"] <= 5 * 200 / 8


def test_listings_grow_with_what_ends_not_with_how_often_it_is_looked() -> None:
    size, per_second = 3000, 100
    world = World(longest_seconds=60, pace=EMBEDDED_PACE)
    ids = world.account.add_array("array", size)
    world.watcher.watch(ids)
    for start in range(0, size, per_second):
        world.account.statuses |= dict.fromkeys(ids[start : start + per_second], "SUCCEEDED")
        world.run_for(1)
    looks = world.account.calls["DescribeJobs"]
    assert len(list_ended(world.run_for(10))) < size / 4  # most were told of while they ended
    assert world.account.listed <= 8 * size  # a look every 2 s is made at any rate
    assert looks >= 10


def test_a_job_unknown_at_first_is_awaited() -> None:
    world = World(longest_seconds=1)
    world.watcher.watch(["a"])
    polls = world.run_for(20)
    world.account.statuses["a"] = "RUNNING"
    polls += world.run_for(600)
    assert [poll.lost for poll in polls if poll.lost] == []


@pytest.mark.parametrize("size", [1, 3, 700])
def test_what_is_unknown_for_long_is_lost_and_not_asked_for_any_more(size: int) -> None:
    world = World(longest_seconds=1)
    world.account.statuses["b"] = "RUNNING"
    ids = ["a"] if size == 1 else [make_child_id("a", index) for index in range(size)]
    world.watcher.watch([*ids, "b"])
    early = world.run_for(MIN_MISSING_SECONDS - 1)
    assert [poll.lost for poll in early if poll.lost] == []
    late = world.run_for(600)
    assert sorted(j for poll in late for j in poll.lost) == sorted(ids)


def test_a_child_that_is_lost_does_not_count_as_ended() -> None:
    world = World(longest_seconds=1)
    ids = world.account.add_array("p", 100)
    del world.account.statuses[ids[0]]
    world.watcher.watch(ids)
    assert [poll.lost for poll in world.run_for(600) if poll.lost] == [(ids[0],)]
    others = [f"job-{number}" for number in range(450)]  # so many that the parent is described
    world.account.statuses |= dict.fromkeys(others, "RUNNING")
    world.watcher.watch(others)
    world.account.statuses[ids[1]] = "FAILED"
    assert list_ended(world.run_for(60)) == {ids[1]: "FAILED"}


def test_a_failing_call_is_not_repeated_at_once() -> None:
    world = World()

    def fail(_: Sequence[str]) -> list[dict[str, Any]]:
        world.account.calls["tries"] += 1
        raise ConnectionError

    world.account.describe_jobs = fail  # type: ignore[method-assign]
    world.watcher.watch(["a"])
    for _ in range(30):
        world.time.sleep(0.1)
        if world.account.calls["tries"] < 2:
            try:
                world.watcher.poll_if_due()
            except ConnectionError:
                continue
    assert world.account.calls["tries"] == 2
    world.time.sleep(10)
    with pytest.raises(ConnectionError):
        world.watcher.poll_if_due()


def test_what_the_children_of_a_large_array_wait_for_is_told_by_one_of_them() -> None:
    world = World()
    world.watcher.watch(world.account.add_array("p", 5000, "RUNNABLE"))
    polls = world.run_for(30)
    (state,) = {state for poll in polls for state in poll.states}
    assert (state.job_id, state.status) == ("p:0", "RUNNABLE")
    assert world.account.calls["ListJobs"] == 0
    told = [poll.arrays for poll in polls if poll.arrays]
    assert told
    assert all(each == (ArrayCounts("p", {"RUNNABLE": 5000}),) for each in told)


def test_of_children_that_begin_in_order_the_first_that_waits_is_described() -> None:
    world = World()
    ids = world.account.add_array("p", 5000, "RUNNABLE")
    world.watcher.watch(ids)
    world.account.statuses |= dict.fromkeys(ids[:10], "SUCCEEDED")
    world.account.statuses |= dict.fromkeys(ids[10:30], "RUNNING")
    world.account.statuses |= dict.fromkeys(ids[4990:], "PENDING")
    polls = [poll for poll in world.run_for(60) if poll.arrays]
    (counts,) = polls[-1].arrays
    assert (counts.runnable, counts.begun, counts.early) == (4960, 20, 10)
    assert [state.job_id for state in polls[-1].states] == ["p:30"]
    world.account.statuses |= dict.fromkeys(ids, "RUNNING")
    last = [poll for poll in world.run_for(60) if poll.arrays][-1]
    assert [state.job_id for state in last.states] == ["p:4999"]


def test_what_was_only_listed_is_described_in_room_that_calls_have_left() -> None:
    """No call is made for it, but at the end, and then few."""
    world = World()
    ids = world.account.add_array("p", 5000)
    world.watcher.watch(ids)
    world.account.statuses |= dict.fromkeys(ids[:1000], "SUCCEEDED")
    polls = world.run_for(60)
    looks = sum(1 for poll in polls if poll.states or poll.arrays)
    assert world.account.calls["DescribeJobs"] == looks
    told = [state.job_id for poll in polls for state in poll.told]
    assert sorted(told) == sorted(set(told))
    # A look has room for 98, beside the parent and one of its children.
    assert len(told) == min(1000, 98 * (looks - 1))
    assert set(told) <= set(ids[:1000])
    world.account.statuses |= dict.fromkeys(ids[:-200], "SUCCEEDED")
    world.run_for(10)
    before = world.account.calls["DescribeJobs"]
    last = world.watcher.describe_untold()
    assert world.account.calls["DescribeJobs"] == before + 10
    assert len(last) == 1000
    assert world.watcher.describe_untold() == []
