"""The one place that calls CloudWatch Logs."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.budget import Purpose
from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.retry import Patience, Retrier
from snakemake_executor_plugin_batchx.errors import BatchxError

SERVICE = "logs"
"""The name that IAM's permissions start with."""

PURPOSE: Purpose = "watch"

CALLS_PER_SECOND: Mapping[Purpose, float] = {PURPOSE: 4.0}
"""AWS allows 10 GetLogEvents a second and account in most large regions, 25 or 30 in others, shared
with everybody else in it (https://docs.aws.amazon.com/general/latest/gr/cwl_region.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""

READING = Patience(seconds=60)

NOT_THERE = "ResourceNotFoundException"
"""Said of a stream and of its whole group."""


@dataclass(frozen=True)
class LogEvent:
    """What a container wrote at once, mostly a line. Times are in milliseconds since 1970."""

    timestamp_ms: int
    message: str


@dataclass(frozen=True)
class LogPage:
    """One answer of GetLogEvents: its events are in the order of their times, or there are none.

    A token that comes back as it was sent says that there is no more on its side.
    """

    events: tuple[LogEvent, ...]
    forward_token: str
    backward_token: str


class NoLogError(BatchxError):
    """CloudWatch has no such stream: nothing was written yet, or nobody kept it."""

    def __init__(self, group: str, stream: str) -> None:
        super().__init__(
            f"Log group {group} has no stream {stream}: CloudWatch has one as soon as the "
            "container has written something, and for as long as the group keeps it."
        )


class LogsClient(Protocol):
    """The methods of boto3's CloudWatch Logs client that we use."""

    def get_log_events(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102


class LogsGateway:
    """The calls of CloudWatch Logs that batchx makes, all through one retrier.

    The retrier is of service SERVICE, its budget one of CALLS_PER_SECOND. Methods raise AwsError,
    one sentence, where AWS refuses, or stays out of reach for longer than the call can wait. Safe
    to use from many threads, as boto3's clients are.
    """

    def __init__(self, client: LogsClient, retrier: Retrier) -> None:
        self._client = client
        self._retrier = retrier

    def get_events(
        self,
        group: str,
        stream: str,
        token: str | None = None,
        *,
        is_forward: bool,
        patience: Patience = READING,
    ) -> LogPage:
        """Return the page at a token of a page before; without one the first, or else the last.

        Raises NoLogError where there is no such stream or group.
        """
        request = plan_page(group, stream, token, is_forward=is_forward)
        call = functools.partial(self._client.get_log_events, **request)
        try:
            answer = self._retrier.call("GetLogEvents", PURPOSE, call, patience)
        except AwsError as error:
            if error.code == NOT_THERE:
                raise NoLogError(group, stream) from error
            raise
        return interpret_page(answer)


def plan_page(group: str, stream: str, token: str | None, *, is_forward: bool) -> dict[str, Any]:
    """Return the request for a page.

    A forward token is taken only together with startFromHead
    (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html).
    """
    request = {"logGroupName": group, "logStreamName": stream, "startFromHead": is_forward}
    return {**request, "nextToken": token} if token else request


def interpret_page(answer: dict[str, Any]) -> LogPage:
    """Turn an answer of GetLogEvents into a page."""
    return LogPage(
        events=tuple(LogEvent(each["timestamp"], each["message"]) for each in answer["events"]),
        forward_token=answer["nextForwardToken"],
        backward_token=answer["nextBackwardToken"],
    )
