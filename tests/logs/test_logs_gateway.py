"""The calls of CloudWatch Logs, and what is said where they are refused."""

import pytest
from scripted_logs import GROUP, NO_STREAM, THROTTLED, ScriptedLogs, make_gateway, make_refusal
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.logs.gateway import (
    CALLS_PER_SECOND,
    PURPOSE,
    READING,
    LogEvent,
    NoLogError,
)

LOWEST_QUOTA = 10
"""https://docs.aws.amazon.com/general/latest/gr/cwl_region.html"""


def test_a_page_is_events_and_tokens() -> None:
    client = ScriptedLogs({"s": [["a", "b"], ["c"]]})
    gateway = make_gateway(client)
    first = gateway.get_events(GROUP, "s", is_forward=True)
    assert first.events == (LogEvent(0, "a"), LogEvent(1, "b"))
    second = gateway.get_events(GROUP, "s", first.forward_token, is_forward=True)
    assert second.events == (LogEvent(2, "c"),)
    assert gateway.get_events(GROUP, "s", is_forward=False) == second
    assert client.asked[1] == {
        "logGroupName": GROUP,
        "logStreamName": "s",
        "startFromHead": True,
        "nextToken": "f/1",
    }


def test_throttled_calls_are_made_again_and_slow_the_others() -> None:
    time = SimulatedTime()
    client = ScriptedLogs({"s": [["a"]]}, refusals=[THROTTLED] * 4)
    page = make_gateway(client, time).get_events(GROUP, "s", is_forward=True)
    assert [event.message for event in page.events] == ["a"]
    assert len(client.asked) == 5
    assert 0.5 + 1 + 2 + 4 <= time.now < 20


def test_throttling_that_does_not_end_is_told() -> None:
    time = SimulatedTime()
    client = ScriptedLogs({}, refusals=[THROTTLED] * 100)
    with pytest.raises(AwsError, match="logs:GetLogEvents with ThrottlingException: Rate exceeded"):
        make_gateway(client, time).get_events(GROUP, "s", is_forward=True)
    assert READING.seconds is not None
    assert time.now <= READING.seconds


def test_calls_keep_well_below_what_the_account_may() -> None:
    time = SimulatedTime()
    gateway = make_gateway(ScriptedLogs({"s": [["a"]]}), time)
    for _ in range(41):
        gateway.get_events(GROUP, "s", is_forward=True)
    assert time.now >= 39 / CALLS_PER_SECOND[PURPOSE]
    assert CALLS_PER_SECOND[PURPOSE] <= LOWEST_QUOTA / 2


def test_what_is_not_there_is_told_with_its_names() -> None:
    client = ScriptedLogs({})
    with pytest.raises(NoLogError) as caught:
        make_gateway(client).get_events("group", "stream", is_forward=True)
    assert str(caught.value) == (
        "Log group group has no stream stream: CloudWatch has one as soon as the container has "
        "written something, and for as long as the group keeps it."
    )
    assert len(client.asked) == 1
    assert caught.value.__cause__ is not None
    assert str(NO_STREAM) in str(caught.value.__cause__.__cause__)


def test_a_permission_that_is_missing_is_named() -> None:
    client = ScriptedLogs({}, refusals=[make_refusal("AccessDeniedException", "not you")])
    with pytest.raises(AwsError) as caught:
        make_gateway(client).get_events(GROUP, "s", is_forward=True)
    assert str(caught.value) == (
        "The credentials of this machine lack logs:GetLogEvents (not you): add it to their "
        "policies (batchx policy head prints those needed), and see that no other policy denies it."
    )
