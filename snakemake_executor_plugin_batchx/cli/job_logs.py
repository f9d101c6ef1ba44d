"""`batchx jobs logs`: what a job wrote, and what it writes."""

import argparse
import functools
import heapq
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.gateway import OPENING, BatchGateway
from snakemake_executor_plugin_batchx.batch.state import JobState, interpret_job
from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options, open_aws
from snakemake_executor_plugin_batchx.cli.batch_access import (
    QUEUE_VARIABLE,
    make_batch,
    make_logs,
    print_any_text,
    say,
)
from snakemake_executor_plugin_batchx.cli.job_watch import JobWatch
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.logs.gateway import LogEvent, LogsGateway, NoLogError
from snakemake_executor_plugin_batchx.logs.reading import follow_events, iter_log_events
from snakemake_executor_plugin_batchx.logs.streams import (
    LogStream,
    find_other_driver,
    find_streams,
    list_containers,
)
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE

MAX_CHILDREN_TOLD = 20

TIMES = {1: "once", 2: "twice"}

JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:(0|[1-9][0-9]*))?")

Line = tuple[LogStream, LogEvent]


@dataclass(frozen=True)
class LogAccess:
    """Where jobs and their logs are; `open_logs` returns the gateway for a region."""

    batch: BatchGateway
    region: str
    open_logs: Callable[[str], LogsGateway]

    def describe(self, job_id: str) -> dict[str, Any]:
        """Return a job as DescribeJobs has it. Raises BatchxError where Batch does not know it."""
        detail = self.find(job_id)
        if detail is None:
            raise BatchxError(
                self._explain_missing_child(job_id)
                or f"AWS Batch knows no job {job_id} in {self.region}: check the id, or name "
                "another region by --region. Jobs that have ended are forgotten after some days."
            )
        return detail

    def find(self, job_id: str) -> dict[str, Any] | None:
        """Return a job as DescribeJobs has it, None where Batch does not know it."""
        found = self.batch.describe_jobs([job_id], patience=OPENING)
        return found[0] if found else None

    def _explain_missing_child(self, job_id: str) -> str:
        """Return which children an array has, if a job is none of them, else ""."""
        parent_id, _, index = job_id.partition(":")
        parent = self.find(parent_id) if index else None
        if parent is None:
            return ""
        size = parent.get("arrayProperties", {}).get("size", 0)
        if not size:
            return f"job {parent_id} is not an array, so it has no child {index}."
        return f"array {parent_id} has children 0 to {size - 1}." if int(index) >= size else ""

    def find_gateway(self, stream: LogStream) -> LogsGateway:
        """Return the gateway for the region that a stream is in."""
        return self.open_logs(stream.region or self.region)


def open_access(session: AwsSession) -> LogAccess:
    """Return access to the jobs and logs of a session, whose calls try as long as each can wait."""
    open_logs = functools.cache(functools.partial(make_logs, session))
    return LogAccess(make_batch(session, lambda: False), session.region, open_logs)


@dataclass(frozen=True)
class LineFormat:
    """How lines are written: with their times (UTC), with the names of their containers."""

    has_times: bool
    has_containers: bool

    def format(self, line: Line) -> str:
        """Return a line as it is printed."""
        stream, event = line
        time_of_day = f"{format_time(event.timestamp_ms)} " if self.has_times else ""
        container = f"[{stream.container}] " if self.has_containers else ""
        return f"{time_of_day}{container}{event.message}"


def format_time(timestamp_ms: int) -> str:
    """Return a time in milliseconds since 1970 as 2026-11-21T16:37:39.123Z."""
    time_of_day = datetime.fromtimestamp(timestamp_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{time_of_day}.{timestamp_ms % 1000:03d}Z"


def add_logs_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to the parser of `batchx jobs`."""
    parser = actions.add_parser(
        "logs",
        help="print what a job wrote, or follow what it writes",
        description="Print what a job wrote to its standard output and error, as CloudWatch Logs "
        "has it.",
    )
    parser.add_argument(
        "job", metavar="JOB", help="the id of a Batch job, with :INDEX of an array's child"
    )
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="print what comes until the job has ended; exit with 1 if it failed",
    )
    parser.add_argument(
        "--attempt",
        type=read_attempt,
        metavar="N",
        help="only what the job's Nth start wrote (default: the last one; with --follow also "
        "those that come)",
    )
    parser.add_argument(
        "--container", metavar="NAME", help="only this one's lines, of a job with several"
    )
    parser.add_argument("--timestamps", action="store_true", help="the time (UTC) before each line")
    add_aws_options(parser)
    parser.set_defaults(run=run_logs)


def read_attempt(text: str) -> int:
    """Return an attempt's number. Raises ArgumentTypeError for what is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def read_job_id(text: str) -> str:
    """Return a job's id as Batch writes it. Raises BatchxError for what is none."""
    job_id = text.strip().lower()
    if not JOB_ID.fullmatch(job_id):
        raise BatchxError(
            f"{text!r} is not the id of a Batch job (8-4-4-4-12 hexadecimal digits, with :INDEX "
            "for a child of an array); batchx jobs list --all shows them."
        )
    return job_id


def run_logs(args: argparse.Namespace) -> int:
    """Print a job's log; with --follow exit with 1 if the job failed."""
    args.job = read_job_id(args.job)
    queue = os.environ.get(QUEUE_VARIABLE)
    # Of the queue only the region counts that an ARN names.
    session = open_aws(args, queue if queue != LOCAL_QUEUE and not args.region else None)
    access = open_access(session)
    print_any_text()
    try:
        if args.follow:
            return follow_job(args, access, time.monotonic, time.sleep)
        return print_job(args, access)
    except KeyboardInterrupt:
        return INTERRUPTED


def print_job(args: argparse.Namespace, access: LogAccess) -> int:
    """Print what a job has written so far. Raises BatchxError as `open_job` does."""
    detail = open_job(args, access)
    started = count_attempts(detail)
    attempt = args.attempt or started
    if attempt > started:
        raise BatchxError(f"job {args.job} {tell_starts(detail)}; there is no attempt {attempt}.")
    chosen = choose_streams(detail, attempt, args.container)
    form = make_format(args, detail)
    lines = [iter_lines(access, stream) for stream in chosen]
    has_printed = False
    for line in heapq.merge(*lines, key=lambda each: each[1].timestamp_ms):
        print(form.format(line))
        has_printed = True
    if not has_printed:
        say(explain_silence(detail, chosen))
    return 0


def follow_job(
    args: argparse.Namespace,
    access: LogAccess,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> int:
    """Print what a job writes until it has ended; return 0 if it succeeded. Times in seconds.

    Raises BatchxError as `open_job` does.
    """
    detail = open_job(args, access)
    first = args.attempt or max(1, count_attempts(detail))
    form = make_format(args, detail)
    watch = JobWatch(detail, functools.partial(access.describe, args.job), tell_state, clock)

    def find_now() -> list[LogStream]:
        streams = choose_streams(watch.detail, args.attempt, args.container)
        return [stream for stream in streams if stream.attempt >= first]

    def is_over() -> bool:
        watch.look_if_due()
        return watch.state.is_terminal

    has_printed = False
    for line in follow_events(access.find_gateway, find_now, is_over, sleep, clock):
        print(form.format(line), flush=True)
        has_printed = True
    if not has_printed:
        say(explain_silence(watch.detail, find_now()))
    say(describe_end(watch.state))
    return 0 if watch.state.status == "SUCCEEDED" else 1


def open_job(args: argparse.Namespace, access: LogAccess) -> dict[str, Any]:
    """Return the job that is named, as DescribeJobs has it.

    Raises BatchxError where Batch does not know it, where it is an array, which writes nothing
    itself, or where it has no such container.
    """
    detail = access.describe(args.job)
    if detail.get("arrayProperties", {}).get("size"):
        raise BatchxError(explain_array(detail, access.batch))
    known = list_containers(detail)
    if args.container and args.container not in known:
        raise BatchxError(
            f"job {args.job} has no container {args.container}: it has {', '.join(known)}."
        )
    return detail


def explain_array(detail: dict[str, Any], batch: BatchGateway) -> str:
    """Return a sentence that asks for a child of an array, and names those that failed."""
    job_id, last = detail["jobId"], detail["arrayProperties"]["size"] - 1
    failed = sorted(
        int(child["jobId"].rpartition(":")[2]) for child in batch.list_children(job_id, "FAILED")
    )
    told = ", ".join(map(str, failed[:MAX_CHILDREN_TOLD]))
    more = len(failed) - MAX_CHILDREN_TOLD
    others = f" and {more} others" if more > 0 else ""
    return (
        f"job {job_id} is an array, whose children write logs of their own: name one of them, "
        f"{job_id}:0 to {job_id}:{last}."
    ) + (f" Failed: {told}{others}." if failed else "")


def choose_streams(
    detail: dict[str, Any], attempt: int | None, container: str | None
) -> list[LogStream]:
    """Return the streams of an attempt and of a container, None: of any."""
    return [
        stream
        for stream in find_streams(detail)
        if attempt in (None, stream.attempt) and container in (None, stream.container)
    ]


def count_attempts(detail: dict[str, Any]) -> int:
    """Return how often a job has been started, as far as Batch tells."""
    told = [stream.attempt for stream in find_streams(detail)]
    return max([len(detail.get("attempts", [])), *told])


def tell_starts(detail: dict[str, Any]) -> str:
    """Return how often a job has been started, in words."""
    started = count_attempts(detail)
    if not started:
        is_over = interpret_job(detail).is_terminal
        return "was never started" if is_over else "has not been started yet"
    return f"has been started {TIMES.get(started, f'{started} times')}"


def make_format(args: argparse.Namespace, detail: dict[str, Any]) -> LineFormat:
    """Return how the lines of a job are printed."""
    has_several = len(list_containers(detail)) > 1
    return LineFormat(args.timestamps, has_containers=has_several and not args.container)


def iter_lines(access: LogAccess, stream: LogStream) -> Iterator[Line]:
    """Yield the lines of a stream, none where CloudWatch has no such stream."""
    gateway = access.find_gateway(stream)
    try:
        for event in iter_log_events(gateway, stream.group, stream.stream):
            yield stream, event
    except NoLogError:
        return


def explain_silence(detail: dict[str, Any], streams: Sequence[LogStream]) -> str:
    """Return why nothing is printed of a job: of it, or of those of its streams that were read."""
    state = interpret_job(detail)
    driver = find_other_driver(detail)
    if driver and not streams:
        return f"job {state.job_id} logs by {driver}, not to CloudWatch: nothing is to be read here"
    if not state.is_terminal:
        return f"job {state.job_id} has written nothing yet: it is {describe_state(state)}"
    if streams:
        groups = ", ".join(sorted({stream.group for stream in streams}))
        return f"job {state.job_id} wrote nothing, or log group {groups} does not keep it any more"
    return f"job {state.job_id} has no log: no container of it ran"


def tell_state(state: JobState) -> None:
    """Tell in what state a job is that has not ended."""
    if not state.is_terminal:
        say(f"job {state.job_id} is {describe_state(state)}")


def describe_state(state: JobState) -> str:
    """Return a job's state, with what Batch says of it."""
    return f"{state.status} ({state.status_reason})" if state.status_reason else state.status


def describe_end(state: JobState) -> str:
    """Return how a job ended."""
    attempt = state.last_attempt
    code = attempt.exit_code if attempt else None
    exit_code = f", exit code {code}" if code is not None else ""
    # Of a success Batch says only that its container has ended.
    told = state.status if state.status == "SUCCEEDED" else describe_state(state)
    return f"job {state.job_id} {told}{exit_code}"
