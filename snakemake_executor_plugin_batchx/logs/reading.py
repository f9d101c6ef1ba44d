"""Log streams, read: whole, from their end, or while they grow.

GetLogEvents answers in pages that are cut by time: one may be empty though more follows, and the
end is where a token comes back as it was sent
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html,
https://github.com/boto/boto3/issues/3718).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.logs.gateway import (
    LogEvent,
    LogPage,
    LogsGateway,
    NoLogError,
)
from snakemake_executor_plugin_batchx.logs.streams import LogStream

MAX_EMPTY_PAGES = 100
"""So many in a row are taken for the end: of streams in use, new tokens were seen to come for ever
(https://github.com/awslabs/aws-healthomics-tools/pull/67,
https://github.com/aws/aws-sdk-js-v3/pull/3099)."""

MAX_EMPTY_PAGES_A_LOOK = 3
"""Likewise at one look at a stream that is looked at again."""

LOOK_SECONDS = 2.0
LONGEST_LOOK_SECONDS = 10.0
LOOK_GROWTH = 1.5
"""Between looks at streams that grow: longer and longer while nothing comes."""

LAG_SECONDS = 6.0
"""For so long after the end CloudWatch may still not show all: the log driver sends what it has
every 5 s at the latest (https://docs.docker.com/engine/logging/drivers/awslogs/)."""


@dataclass(frozen=True)
class Tail:
    """The last events of a stream in the order of their times; `is_whole`: there are no others.

    With `is_beginning` they are its first ones, after which more may come, or nothing.
    """

    events: tuple[LogEvent, ...]
    is_whole: bool
    is_beginning: bool = False


def iter_log_events(gateway: LogsGateway, group: str, stream: str) -> Iterator[LogEvent]:
    """Yield all events of a stream, first to last.

    Raises NoLogError where there is no such stream, and AwsError as the gateway does.
    """
    for page in _iter_pages(gateway, group, stream, None, MAX_EMPTY_PAGES):
        yield from page.events


def read_tail(gateway: LogsGateway, group: str, stream: str) -> Tail:
    """Return the last events of a stream, in two calls: all of a short one.

    The last page, and the one before it, which tells whether there is more. Pages are of a span of
    time, and those from the end are often empty, the more so the longer ago the job wrote; how many
    of them are, nobody can say (https://github.com/dstackai/dstack/pull/2501). Then it is the first
    page, which has all of a short stream (https://github.com/aws/aws-toolkit-vscode/issues/3295).
    A page has 10,000 events or 1 MB at most. Raises NoLogError where there is no such stream, and
    AwsError as the gateway does.
    """
    last = gateway.get_events(group, stream, is_forward=False)
    if not last.events:
        first = gateway.get_events(group, stream, is_forward=True)
        return Tail(first.events, is_whole=False, is_beginning=True)
    token = last.backward_token
    before = gateway.get_events(group, stream, token, is_forward=False)
    return Tail((*before.events, *last.events), is_whole=before.backward_token == token)


def follow_events(
    find_gateway: Callable[[LogStream], LogsGateway],
    find_streams: Callable[[], Sequence[LogStream]],
    is_over: Callable[[], bool],
    sleep: Callable[[float], object],
    clock: Callable[[], float],
) -> Iterator[tuple[LogStream, LogEvent]]:
    """Yield the events of streams as they come, each with its stream, until all have come.

    `find_gateway` returns the gateway for a stream's region. Before each look `is_over` is asked,
    then `find_streams`: streams may join, and need not be in CloudWatch yet. One that `has_ended`
    is read until nothing new has come for LAG_SECONDS. Clock and sleep are in seconds. Raises
    AwsError as the gateway does.
    """
    readers: dict[tuple[str, str], _Reader] = {}
    pause = LOOK_SECONDS
    while True:
        has_all = is_over()
        for stream in find_streams():
            reader = readers.setdefault((stream.group, stream.stream), _Reader(stream))
            reader.stream = stream
        is_busy = False
        for reader in readers.values():
            for event in reader.iter_new(find_gateway(reader.stream), clock):
                is_busy = True
                yield reader.stream, event
        left = [reader for reader in readers.values() if not reader.is_drained]
        if has_all and not left:
            return
        is_busy = is_busy or any(reader.stream.has_ended for reader in left)
        pause = LOOK_SECONDS if is_busy else min(LONGEST_LOOK_SECONDS, pause * LOOK_GROWTH)
        sleep(pause)


@dataclass
class _Reader:
    """How far a stream has been read; `quiet_since` is when an ended one was found read up."""

    stream: LogStream
    token: str | None = None
    quiet_since: float | None = None
    is_drained: bool = False

    def iter_new(self, gateway: LogsGateway, clock: Callable[[], float]) -> Iterator[LogEvent]:
        """Yield what has come since the last time; nothing where there is no stream yet."""
        if self.is_drained:
            return
        has_news = False
        for page in self._iter_new_pages(gateway):
            self.token = page.forward_token
            has_news = has_news or bool(page.events)
            yield from page.events
        if self.stream.has_ended:
            self._note_quiet(clock(), has_news=has_news)

    def _note_quiet(self, now: float, *, has_news: bool) -> None:
        if has_news or self.quiet_since is None:
            self.quiet_since = now
        self.is_drained = now - self.quiet_since >= LAG_SECONDS

    def _iter_new_pages(self, gateway: LogsGateway) -> Iterator[LogPage]:
        max_empty = MAX_EMPTY_PAGES if self.stream.has_ended else MAX_EMPTY_PAGES_A_LOOK
        group, name = self.stream.group, self.stream.stream
        try:
            yield from _iter_pages(gateway, group, name, self.token, max_empty)
        except NoLogError:
            return


def _iter_pages(
    gateway: LogsGateway, group: str, stream: str, token: str | None, max_empty: int
) -> Iterator[LogPage]:
    """Yield pages forwards from a token to the end, or until `max_empty` in a row were empty."""
    empty = 0
    while empty < max_empty:
        page = gateway.get_events(group, stream, token, is_forward=True)
        yield page
        if page.forward_token == token:
            return
        token = page.forward_token
        empty = 0 if page.events else empty + 1
