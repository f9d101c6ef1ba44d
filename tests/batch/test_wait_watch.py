"""When it is asked why jobs wait, and what is told, on a simulated clock."""

from collections.abc import Sequence
from typing import Any

import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE
from snakemake_executor_plugin_batchx.batch.runnable_clocks import RunnableClocks
from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.wait_watch import (
    Asked,
    QueueWait,
    WaitWatch,
    tell_duration,
)
from snakemake_executor_plugin_batchx.batch.watcher import ArrayCounts
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

FIRST, AGAIN = AWS_PACE.explain_seconds, AWS_PACE.explain_again_seconds
DENIED = AwsError("AWS refuses it.", "AccessDeniedException", is_transient=False)
ABSENT = AwsError("It is not there.", "ConnectTimeoutError", is_transient=True)
TOO_LARGE = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement …"


class Account:
    """A queue on one compute environment; `refusals` are errors by call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refusals: dict[str, AwsError] = {}
        self.state = "ENABLED"
        self.desired = 96
        self.front = ["own"]
        self.free: dict[str, int] = {}

    def _take(self, call: str) -> None:
        self.calls.append(call)
        if call in self.refusals:
            raise self.refusals[call]

    def describe_queues(self, queues: Sequence[str], _patience: Any) -> list[dict[str, Any]]:
        self._take("queue")
        order = [
            {"order": 2, "computeEnvironment": "arn:ce"},
            {"order": 1, "computeEnvironment": "arn:gone"},
        ]
        return [{"jobQueueName": queue, "computeEnvironmentOrder": order} for queue in queues]

    def describe_compute_environments(
        self, arns: Sequence[str], _patience: Any
    ) -> list[dict[str, Any]]:
        self._take("environments")
        assert arns == ["arn:gone", "arn:ce"]
        resources = {"type": "EC2", "maxvCpus": 96, "desiredvCpus": self.desired}
        return [
            {
                "computeEnvironmentArn": "arn:ce",
                "computeEnvironmentName": "ce",
                "state": self.state,
                "status": "VALID",
                "computeResources": resources,
            }
        ]

    def get_queue_snapshot(self, _queue: str) -> dict[str, Any]:
        self._take("snapshot")
        return {"frontOfQueue": {"jobs": [{"jobArn": f"arn:job/{job}"} for job in self.front]}}

    def describe_consumable(self, name: str) -> dict[str, Any]:
        self._take(name)
        return {"consumableResourceName": name, "availableQuantity": self.free[name]}


class World:
    """`said` is what was told, each with whether it is usual."""

    def __init__(self, *sizes: InstanceSize) -> None:
        self.time, self.account = SimulatedTime(), Account()
        self.said: list[tuple[str, bool]] = []
        self.clocks = RunnableClocks(self.time.clock)
        self.watch = WaitWatch(
            self.account,
            self.time.clock,
            AWS_PACE,
            lambda _queue: sizes,
            lambda text, is_usual: self.said.append((text, is_usual)),
        )

    def see(
        self,
        job_id: str = "own",
        status: str = "RUNNABLE",
        reason: str = "",
        asked: Asked = Asked(),  # noqa: B008 (frozen)
        queue: str = "q",
    ) -> None:
        state = JobState(job_id, status, reason, ())
        self.watch.note(state, self.clocks.note(state), queue, f"Rule {job_id}", asked)

    def count(self, *arrays: ArrayCounts) -> None:
        self.clocks.note_arrays(arrays)
        self.watch.note_arrays(arrays)

    def ask_due(self) -> list[str]:
        due = self.watch.take_due()
        for queue in due:
            self.watch.ask(queue)
        return due


def test_a_job_that_waits_for_long_is_explained_once() -> None:
    world = World()
    world.see()
    world.time.sleep(FIRST - 1)
    assert world.ask_due() == []
    assert world.watch.current("q") is None
    world.time.sleep(1)
    assert world.ask_due() == ["q"]
    assert world.account.calls == ["queue", "environments", "snapshot"]
    waiting = world.watch.current("q")
    assert waiting is not None
    assert waiting.clause == "the queue's compute environment is at maxvCpus (96 of 96 in use)"
    assert world.said == [
        (
            "Rule own has been RUNNABLE for 2 min on queue q. The queue's compute environment is "
            "at maxvCpus (96 of 96 in use): it starts when other jobs end; raise maxvCpus of ce if "
            "more are to run at once.",
            True,
        )
    ]
    world.time.sleep(AGAIN)
    assert world.ask_due() == ["q"]
    assert len(world.said) == 1


def test_a_queue_is_asked_about_no_more_often_than_the_pace_says() -> None:
    world = World()
    world.see()
    for _ in range(3600):
        world.time.sleep(1)
        world.ask_due()
    assert len(world.account.calls) == 3 * (1 + (3600 - FIRST) // AGAIN)


def test_what_is_being_asked_is_not_asked_again() -> None:
    world = World()
    world.see()
    world.time.sleep(FIRST)
    assert world.watch.take_due() == ["q"]
    world.time.sleep(2 * AGAIN)
    assert world.watch.take_due() == []
    world.watch.ask("q")
    assert world.watch.take_due() == ["q"]


def test_a_reason_of_batch_is_told_at_once_and_as_something_to_mend() -> None:
    world = World()
    world.see("first")
    world.see("second", reason=TOO_LARGE, asked=Asked(BatchResources(1, 1000)))
    assert world.ask_due() == ["q"]
    ((text, is_usual),) = world.said
    assert text.startswith(
        "Rule second and 1 more have been RUNNABLE for 0 s on queue q. No instance type of the "
        "queue has what it asks for: "
    )
    assert not is_usual
    world.see("second", reason=TOO_LARGE)
    assert world.ask_due() == []


def test_a_reason_that_differs_from_look_to_look_is_no_news() -> None:
    world = World()
    words = ("a", "b", "c")
    for word in words:
        world.see(reason=f"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Request id {word}")
        world.ask_due()
        world.time.sleep(1)
    assert world.account.calls == ["queue", "environments", "snapshot"]
    # Nor are two that take turns a question at each look.
    world.time.sleep(FIRST - len(words))
    for reason in (TOO_LARGE, "ACTION_REQUIRED - …", TOO_LARGE):
        world.see(reason=reason)
        world.ask_due()
        world.time.sleep(1)
    assert len(world.account.calls) == 6


def test_jobs_that_ask_for_something_else_are_told_of_for_themselves() -> None:
    world = World(InstanceSize("m5.large", 2, 8192))
    for number, vcpus in enumerate((4, 4, 8)):
        asked = Asked(BatchResources(vcpus, 1000))
        world.see(f"job-{number}", reason=TOO_LARGE, asked=asked)
        world.time.sleep(AGAIN)
        assert world.ask_due() == ["q"]
        world.see(f"job-{number}", "FAILED")
    assert ["4 vCPU" in text for text, _ in world.said] == [True, False]
    assert "it asks for 8 vCPU, but the largest" in world.said[1][0].replace("It asks", "it asks")


@pytest.mark.parametrize("status", ["STARTING", "RUNNING", "SUCCEEDED", "FAILED"])
def test_a_job_that_goes_on_waits_no_longer(status: str) -> None:
    world = World()
    world.see()
    world.time.sleep(FIRST)
    world.ask_due()
    world.see(status=status)
    assert world.watch.current("q") is None
    assert world.watch.list_waits() == []
    assert world.ask_due() == []
    world.see()
    assert world.ask_due() == []
    assert world.watch.current("q") is None


def test_a_job_that_is_forgotten_waits_no_longer() -> None:
    world = World()
    world.see()
    world.watch.forget("own")
    world.watch.forget("never seen")
    assert world.watch.list_waits() == []


def test_while_others_of_the_run_start_waiting_is_no_news() -> None:
    world = World()
    world.account.desired = 8
    world.see("running", "RUNNING")
    world.see()
    world.time.sleep(FIRST)
    assert world.ask_due() == ["q"]
    waiting = world.watch.current("q")
    assert waiting is not None
    assert waiting.kind == "working"
    assert world.said == []


def test_a_change_for_the_worse_is_told() -> None:
    world = World()
    world.see()
    world.time.sleep(FIRST)
    world.ask_due()
    world.account.state = "DISABLED"
    world.time.sleep(AGAIN)
    world.ask_due()
    assert [is_usual for _, is_usual in world.said] == [True, False]
    assert "are DISABLED: enable ce: " in world.said[1][0]


@pytest.mark.parametrize(
    ("call", "kind", "later"),
    [
        ("snapshot", "at_max", ["queue", "environments"]),
        ("environments", None, ["queue", "snapshot"]),
        ("queue", None, ["snapshot"]),
    ],
)
def test_what_is_refused_is_not_asked_again_and_the_rest_explains(
    call: str, kind: str | None, later: list[str]
) -> None:
    world = World()
    world.account.refusals[call] = DENIED
    world.see()
    world.time.sleep(FIRST)
    world.ask_due()
    waiting = world.watch.current("q")
    assert (waiting.kind if waiting else None) == kind
    world.account.calls.clear()
    world.time.sleep(AGAIN)
    world.ask_due()
    assert world.account.calls == later


def test_what_could_not_be_asked_for_once_is_asked_again() -> None:
    world = World()
    world.account.refusals["environments"] = ABSENT
    world.see()
    world.time.sleep(FIRST)
    world.ask_due()
    assert world.watch.current("q") is None
    world.account.refusals.clear()
    world.time.sleep(AGAIN)
    world.ask_due()
    assert world.watch.current("q") is not None


def test_a_bug_is_not_the_last_question() -> None:
    world = World()
    world.account.front = [None]  # type: ignore[list-item]
    world.watch._find_sizes = lambda _: 1 / 0  # type: ignore[assignment,return-value]
    world.see()
    world.time.sleep(FIRST)
    with pytest.raises(ZeroDivisionError):
        world.ask_due()
    world.time.sleep(AGAIN)
    assert world.watch.take_due() == ["q"]


@pytest.mark.parametrize(
    ("free", "calls", "kind"),
    [
        ({"license": 1}, ["license"], "consumable"),
        ({"license": 2}, ["license", "queue", "environments", "snapshot"], "at_max"),
    ],
)
def test_where_a_consumable_resource_lacks_nothing_else_is_asked(
    free: dict[str, int], calls: list[str], kind: str
) -> None:
    world = World()
    world.account.free = free
    world.see(asked=Asked(consumables=(("license", 2),)))
    world.time.sleep(FIRST)
    world.ask_due()
    assert world.account.calls == calls
    waiting = world.watch.current("q")
    assert waiting is not None
    assert waiting.kind == kind


def test_queues_are_told_apart_and_the_one_that_waits_longest_is_first() -> None:
    world = World()
    world.see("a", queue="one")
    world.time.sleep(10)
    world.see("b", queue="two")
    world.see("c", queue="two")
    assert world.watch.list_waits() == [
        QueueWait("one", 10.0, None),
        QueueWait("two", 0, None),
    ]
    world.time.sleep(FIRST - 10)
    assert world.ask_due() == ["one"]


def test_a_child_of_a_large_array_tells_of_all_its_children() -> None:
    world = World()
    for begun in (0, 10, 20):
        world.count(ArrayCounts("array", {"RUNNABLE": 5000 - begun, "RUNNING": begun}))
        world.see(f"array:{begun}")
        world.time.sleep(FIRST)
    # The described child is another each time: they wait since the first was seen.
    assert world.watch.list_waits() == [QueueWait("q", 3 * FIRST, None)]
    world.account.desired = 8
    assert world.ask_due() == ["q"]
    waiting = world.watch.current("q")
    assert waiting is not None
    assert waiting.kind == "working"
    # Few are left, and all are described; some of them wait still.
    world.count()
    world.see("array:7")
    world.see("array:8", "RUNNING")
    assert world.watch.list_waits() == [QueueWait("q", 3 * FIRST, waiting)]


def test_children_that_are_described_no_longer_are_not_waited_for_twice() -> None:
    world = World()
    world.see("array:7")
    world.see("array:8", "RUNNING")
    world.count(ArrayCounts("array", {"RUNNABLE": 3}))
    world.see("array:9")
    world.time.sleep(FIRST)
    world.account.desired = 8
    world.account.state = "DISABLED"
    assert world.ask_due() == ["q"]
    assert [text.partition(" been")[0] for text, _ in world.said] == [
        "Rule array:9 and 2 more have"
    ]
    world.count(ArrayCounts("array", {"RUNNING": 3}))
    world.see("array:9", "RUNNING")
    assert world.watch.list_waits() == []


def test_an_array_none_of_whose_children_is_runnable_does_not_wait() -> None:
    world = World()
    world.count(ArrayCounts("array", {"RUNNABLE": 10, "RUNNING": 90}))
    world.see("array:90")
    world.count(ArrayCounts("array", {"RUNNING": 100}))
    world.see("array:99", "RUNNING")
    assert world.watch.list_waits() == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 d"),
        (97_000, "1 d 2 h"),
        (86_400 + 120, "1 d"),
    ],
)
def test_times_are_told_in_words(seconds: float, text: str) -> None:
    assert tell_duration(seconds) == text
