"""Hosts are asked about once each, while there are some, and never in the way."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from journal_breaches import find_breaches

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.hosts import HOSTS_AT_ONCE, FoundHosts, Host
from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.batch.watcher import Poll
from snakemake_executor_plugin_batchx.hosts_seen import ASK_SECONDS, MOST_TRIES, HostsSeen
from snakemake_executor_plugin_batchx.journal import Journal


class World:
    """Hosts that can be found, at a time that the test sets."""

    def __init__(self, folder: Path, problem: str = "", *, has_types: bool = False) -> None:
        self.now = 0.0
        self.gone: set[str] = set()
        self.is_throttled = False
        self.has_types = has_types
        self.asked: list[list[str]] = []
        self.said: list[str] = []
        self.problem = problem
        self.path = folder / "run.jsonl"
        self.journal = Journal(self.path, lambda: self.now)
        log = cast(Any, SimpleNamespace(info=self.said.append))
        self.hosts = HostsSeen(self.find, self.journal, log, lambda: self.now)

    def find(self, arns: Sequence[str]) -> FoundHosts:
        self.asked.append(list(arns))
        if self.problem == "a bug":
            raise KeyError(self.problem)
        if self.is_throttled:
            return FoundHosts((), ("Slow down.",), is_transient=True)
        market = None if self.problem else "spot"
        known = (arn for arn in arns if arn not in self.gone and (self.has_types or market))
        hosts = tuple(Host(arn, "i-1", "m5.large", "a", market) for arn in known)
        return FoundHosts(hosts, (self.problem,) if self.problem else ())

    def step(self) -> None:
        self.hosts.ask(self.hosts.take_due())

    def read(self) -> list[dict[str, Any]]:
        self.journal.write_noted()
        events = [json.loads(line) for line in self.path.read_text().splitlines()]
        assert [breach for event in events for breach in find_breaches(event)] == []
        return events


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_each_is_asked_about_once_after_a_while(world: World) -> None:
    world.step()
    world.hosts.note(["a", "b", "a"])
    world.step()
    assert world.asked == []
    world.now = ASK_SECONDS
    world.step()
    world.hosts.note(["b", "c"])
    world.now += 1
    world.step()
    assert world.asked == [["a", "b"]]
    world.now += ASK_SECONDS
    world.step()
    assert world.asked == [["a", "b"], ["c"]]
    assert [event["host"] for event in world.read()] == ["a", "b", "c"]


def test_of_many_some_are_asked_about_and_at_the_end_all(world: World) -> None:
    world.hosts.note(str(number) for number in range(2 * HOSTS_AT_ONCE + 1))
    world.now = ASK_SECONDS
    world.step()
    world.hosts.finish(list)
    assert [len(each) for each in world.asked] == [HOSTS_AT_ONCE, HOSTS_AT_ONCE + 1]


@pytest.mark.parametrize("problem", ["It is denied.", "a bug"])
def test_who_may_not_ask_does_so_once(tmp_path: Path, problem: str) -> None:
    world = World(tmp_path, problem)
    world.hosts.note(["a"])
    world.now = ASK_SECONDS
    world.step()
    world.hosts.note(["b"])
    world.hosts.finish(list)
    assert world.asked == [["a"]]
    (said,) = world.said
    assert problem in said


def test_after_hosts_that_ecs_has_forgotten_others_are_asked_about(world: World) -> None:
    world.gone.add("a")
    world.hosts.note(["a"])
    world.now = ASK_SECONDS
    world.step()
    world.hosts.note(["b"])
    world.hosts.finish(list)
    assert world.asked == [["a"], ["b"]]
    assert [event["host"] for event in world.read()] == ["b"]
    assert world.said == []


def test_a_throttled_ecs_is_asked_again(world: World) -> None:
    world.is_throttled = True
    world.hosts.note(["a"])
    world.now = ASK_SECONDS
    world.step()
    world.step()
    world.is_throttled = False
    world.now += ASK_SECONDS
    world.step()
    assert world.asked == [["a"], ["a"]]
    assert [event["host"] for event in world.read()] == ["a"]
    assert world.said == []


def test_an_ecs_that_is_never_reached_is_left_alone_and_told_of(world: World) -> None:
    world.is_throttled = True
    world.hosts.note(["a"])
    for _ in range(MOST_TRIES + 2):
        world.now += ASK_SECONDS
        world.step()
    assert len(world.asked) == MOST_TRIES
    assert len(world.said) == 1


def test_that_ec2_does_not_tell_is_said_once_and_types_are_noted(tmp_path: Path) -> None:
    world = World(tmp_path, "EC2 refuses.", has_types=True)
    for name in "abc":
        world.hosts.note([name])
        world.now += ASK_SECONDS
        world.step()
    assert [event["instance_type"] for event in world.read()] == ["m5.large"] * 3
    assert len(world.said) == 1


def test_what_batch_tells_later_is_noted(world: World) -> None:
    attempt = Attempt((), started_seconds=1.0, stopped_seconds=2.0, host="a")
    told = JobState("array:3", "SUCCEEDED", "", (attempt,))
    world.hosts.note_poll(Poll(states=(JobState("b", "RUNNING", "", (), host="b"),), told=(told,)))
    world.hosts.finish(lambda: [JobState("array:4", "SUCCEEDED", "", (attempt,))])
    assert world.asked == [["b", "a"]]
    found = [(e.get("batch_job_id"), e.get("starts")) for e in world.read() if e["event"] == "told"]
    start = {"started": 1.0, "stopped": 2.0, "host": "a"}
    assert found == [("array:3", [start]), ("array:4", [start])]


def test_a_batch_out_of_reach_at_the_end_hurts_nobody(world: World) -> None:
    def fail() -> list[JobState]:
        raise AwsError("no", "", is_transient=True)

    world.hosts.note(["a"])
    world.hosts.finish(fail)
    assert world.asked == [["a"]]
