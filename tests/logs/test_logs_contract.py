"""The gateway through boto3's own client, against the embedded AWS, whose logs are moto's.

moto differs from AWS: it cuts pages by count (10,000) alone, none of them is empty but at an end,
and it says of a missing stream that its group is missing.
"""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from scripted_logs import join, number

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.aws.session import LOGS_CONFIG, NO_PROXY
from snakemake_executor_plugin_batchx.local.launch import PROCESS, EmbeddedAws, launch_embedded_aws
from snakemake_executor_plugin_batchx.logs.gateway import SERVICE, LogsGateway, NoLogError
from snakemake_executor_plugin_batchx.logs.reading import (
    follow_events,
    iter_log_events,
    read_tail,
)
from snakemake_executor_plugin_batchx.logs.streams import LogStream

PUT_AT_ONCE = 10_000
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture(scope="module")
def client(aws: EmbeddedAws) -> Any:
    return boto3.client(
        "logs",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        config=LOGS_CONFIG.merge(NO_PROXY),
    )


@pytest.fixture
def gateway(client: Any) -> LogsGateway:
    budget = CallBudget(time.monotonic, time.sleep, {"watch": 100})
    clocks = (time.monotonic, time.sleep, lambda: 0.1, lambda: False)
    return LogsGateway(client, Retrier(budget, *clocks, service=SERVICE))


@pytest.fixture
def group(client: Any) -> str:
    name = f"/group/{uuid.uuid4()}"
    client.create_log_group(logGroupName=name)
    client.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(client: Any, group: str, messages: list[str]) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": message} for message in messages]
    for start in range(0, len(events), PUT_AT_ONCE):
        portion = events[start : start + PUT_AT_ONCE]
        client.put_log_events(logGroupName=group, logStreamName="s", logEvents=portion)


@pytest.mark.parametrize("sizes", [(), (1,), (3, 4), (10_000,), (9_000, 9_000, 7_001)])
def test_streams_of_any_length_come_whole(
    client: Any, gateway: LogsGateway, group: str, sizes: tuple[int, ...]
) -> None:
    portions = [number(size, sum(sizes[:n])) for n, size in enumerate(sizes)]
    for portion in portions:
        put(client, group, portion)
    found = [event.message for event in iter_log_events(gateway, group, "s")]
    assert found == join(portions)
    tail = read_tail(gateway, group, "s")
    messages = [event.message for event in tail.events]
    assert messages == found[-20_000:]
    assert tail.is_whole is (0 < len(found) <= 10_000)


def test_times_are_those_of_the_events(client: Any, gateway: LogsGateway, group: str) -> None:
    before = int(time.time() * 1000)
    put(client, group, ["é"])
    (event,) = iter_log_events(gateway, group, "s")
    assert event.message == "é"
    assert before <= event.timestamp_ms <= time.time() * 1000


@pytest.mark.parametrize("has_group", [True, False])
def test_what_is_not_there(gateway: LogsGateway, group: str, *, has_group: bool) -> None:
    name = group if has_group else "nowhere"
    with pytest.raises(NoLogError, match=f"Log group {name} has no stream nothing"):
        gateway.get_events(name, "nothing", is_forward=True)


def test_a_stream_that_grows_is_followed(client: Any, gateway: LogsGateway, group: str) -> None:
    now = [0.0]
    portions = [number(12_000), [], ["last but one", "last"]]
    left = iter(portions)

    def sleep(seconds: float) -> None:
        now[0] += seconds
        put(client, group, next(left, []))

    def find_streams() -> list[LogStream]:
        return [LogStream(1, "default", group, "s", has_ended=now[0] > 20)]

    found = follow_events(
        lambda _: gateway, find_streams, lambda: now[0] > 20, sleep, lambda: now[0]
    )
    assert [event.message for _, event in found] == join(portions)
