"""Log streams read whole, from their end, and while they grow, on a simulated clock."""

import dataclasses
from collections.abc import Callable, Sequence

import pytest
from scripted_logs import GROUP, THROTTLED, ScriptedLogs, join, make_gateway, number
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.logs.gateway import NoLogError
from snakemake_executor_plugin_batchx.logs.reading import (
    LAG_SECONDS,
    LONGEST_LOOK_SECONDS,
    MAX_EMPTY_PAGES,
    follow_events,
    iter_log_events,
    read_tail,
)
from snakemake_executor_plugin_batchx.logs.streams import LogStream

STREAM = LogStream(attempt=1, container="default", group=GROUP, stream="s", has_ended=False)

PAGES = [
    pytest.param([[]], id="nothing"),
    pytest.param([["a"]], id="a line"),
    pytest.param([["a", "b"], ["c"]], id="pages"),
    pytest.param([[], [], ["a"], [], [], ["b"], []], id="empty pages"),
    pytest.param([number(10_000, n * 10_000) for n in range(3)], id="many"),
]


@pytest.mark.parametrize("pages", PAGES)
def test_a_stream_is_read_whole_whatever_its_pages(pages: list[list[str]]) -> None:
    client = ScriptedLogs({"s": pages}, refusals=[THROTTLED])
    found = iter_log_events(make_gateway(client), GROUP, "s")
    assert [event.message for event in found] == join(pages)
    # The one that was throttled, each page, and one more that says that this was all.
    assert len(client.asked) == len(pages) + 2


def test_a_stream_whose_tokens_never_repeat_has_an_end() -> None:
    client = ScriptedLogs({"s": [["a"], [], ["b"]]}, is_restless=True)
    found = iter_log_events(make_gateway(client), GROUP, "s")
    assert [event.message for event in found] == ["a", "b"]
    assert len(client.asked) == 3 + MAX_EMPTY_PAGES


def test_a_stream_is_read_no_further_than_it_is_wanted() -> None:
    client = ScriptedLogs({"s": [["a", "b"], ["c"]]})
    found = iter_log_events(make_gateway(client), GROUP, "s")
    assert next(found).message == "a"
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("pages", "expected", "is_whole", "is_beginning"),
    [
        ([[]], [], False, True),
        ([["a", "b"]], ["a", "b"], True, False),
        ([["a"], ["b"], ["c", "d"]], ["b", "c", "d"], False, False),
        ([["a"], []], ["a"], False, True),
        ([["a"], ["b"], [], []], ["a"], False, True),
    ],
)
def test_a_tail_takes_two_calls(
    pages: list[list[str]], expected: list[str], *, is_whole: bool, is_beginning: bool
) -> None:
    client = ScriptedLogs({"s": pages})
    tail = read_tail(make_gateway(client), GROUP, "s")
    assert [event.message for event in tail.events] == expected
    assert (tail.is_whole, tail.is_beginning) == (is_whole, is_beginning)
    assert len(client.asked) == 2


def test_a_stream_that_is_not_there_is_told() -> None:
    gateway = make_gateway(ScriptedLogs({}))
    with pytest.raises(NoLogError):
        read_tail(gateway, GROUP, "s")
    with pytest.raises(NoLogError):
        next(iter_log_events(gateway, GROUP, "s"))


class LivingJob:
    """A job on a simulated clock; what happens to it, and when, is told by `plan`."""

    def __init__(self, plan: Sequence[tuple[float, Callable[["LivingJob"], object]]]) -> None:
        self.time = SimulatedTime()
        self.client = ScriptedLogs({})
        self.streams: list[LogStream] = []
        self.has_ended = False
        self._plan = list(plan)

    def pass_time(self) -> None:
        while self._plan and self._plan[0][0] <= self.time.now:
            self._plan.pop(0)[1](self)

    def is_over(self) -> bool:
        self.pass_time()
        return self.has_ended

    def follow(self) -> list[tuple[float, str, str]]:
        """Return when which message of which container came."""
        gateway = make_gateway(self.client, self.time)
        found = follow_events(
            lambda _: gateway,
            lambda: self.streams,
            self.is_over,
            self.time.sleep,
            self.time.clock,
        )
        return [(self.time.now, stream.container, event.message) for stream, event in found]


def start(container: str = "default", attempt: int = 1) -> Callable[[LivingJob], object]:
    name = "s" if container == "default" and attempt == 1 else f"{container}-{attempt}"

    def act(job: LivingJob) -> None:
        stream = dataclasses.replace(STREAM, container=container, attempt=attempt, stream=name)
        job.streams.append(stream)

    return act


def write(*messages: str, stream: str = "s") -> Callable[[LivingJob], object]:
    return lambda job: job.client.pages.setdefault(stream, []).append(list(messages))


def end(*attempts: int) -> Callable[[LivingJob], object]:
    """End attempts; without any, the job."""

    def act(job: LivingJob) -> None:
        job.has_ended = not attempts
        job.streams = [
            dataclasses.replace(each, has_ended=not attempts or each.attempt in attempts)
            for each in job.streams
        ]

    return act


def test_lines_are_told_as_they_come_until_all_have() -> None:
    job = LivingJob(
        [
            (0, start()),
            (5, write("a")),
            (6, write("b", "c")),
            (60, write("d")),
            (61, end()),
            (64, write("late")),
        ]
    )
    found = job.follow()
    assert [message for _, _, message in found] == ["a", "b", "c", "d", "late"]
    times = [when for when, _, _ in found]
    for when, written in zip(times, [5, 6, 6, 60, 64], strict=True):
        assert written <= when <= written + LONGEST_LOOK_SECONDS
    # The last one was late, and so another may be.
    assert LAG_SECONDS <= job.time.now - times[-1] <= LAG_SECONDS + 2


def test_a_quiet_job_is_looked_at_less_and_less() -> None:
    job = LivingJob([(0, start()), (0, write("a")), (600, end())])
    job.follow()
    assert 60 <= len(job.client.asked) <= 90


def test_no_call_is_made_for_a_job_that_waits() -> None:
    job = LivingJob([(3600, end())])
    assert job.follow() == []
    assert job.client.asked == []


def test_a_job_that_writes_nothing_has_an_end() -> None:
    job = LivingJob([(0, start()), (30, end())])
    assert job.follow() == []
    assert 30 + LAG_SECONDS <= job.time.now <= 30 + LONGEST_LOOK_SECONDS + LAG_SECONDS + 2


def test_attempts_and_containers_join_as_they_start() -> None:
    job = LivingJob(
        [
            (0, start("tool")),
            (0, write("one", stream="tool-1")),
            (10, end(1)),
            (40, start("tool", 2)),
            (40, write("two", stream="tool-2")),
            (50, start("sidecar", 2)),
            (50, write("too", stream="sidecar-2")),
            (60, end()),
        ]
    )
    found = [(container, message) for _, container, message in job.follow()]
    assert found == [("tool", "one"), ("tool", "two"), ("sidecar", "too")]
    last_of_first = max(n for n, r in enumerate(job.client.asked) if "l-1" in r["logStreamName"])
    first_of_second = min(n for n, r in enumerate(job.client.asked) if "l-2" in r["logStreamName"])
    assert last_of_first < first_of_second


def test_pages_without_events_do_not_hide_what_follows() -> None:
    job = LivingJob([(0, start()), (0, end())])
    job.client.pages["s"] = [["a"], *[[]] * 9, ["b"]]
    assert [message for _, _, message in job.follow()] == ["a", "b"]


def test_a_stream_whose_tokens_never_repeat_is_followed_at_few_calls_a_look() -> None:
    job = LivingJob([(0, start()), (0, write("a")), (60, write("b")), (100, end())])
    job.client.is_restless = True
    messages = [message for _, _, message in job.follow()]
    assert messages[0] == "a"
    assert len(job.client.asked) < 3 * 30 + 3 * MAX_EMPTY_PAGES


def test_throttling_on_the_way_loses_nothing() -> None:
    job = LivingJob([(0, start()), (0, write("a")), (4, write("b")), (8, end())])
    job.client.refusals = [THROTTLED] * 5
    assert [message for _, _, message in job.follow()] == ["a", "b"]
