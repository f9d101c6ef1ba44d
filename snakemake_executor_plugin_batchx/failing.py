"""What is told of a job that failed: why, the end of what it wrote, and where the rest is."""

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.logs.gateway import LogsGateway, NoLogError
from snakemake_executor_plugin_batchx.logs.links import make_job_url, make_stream_url
from snakemake_executor_plugin_batchx.logs.reading import Tail, read_tail
from snakemake_executor_plugin_batchx.logs.saving import LogKeeper, SavedLog
from snakemake_executor_plugin_batchx.logs.tail import cut_tail
from snakemake_executor_plugin_batchx.plan.container_logs import LogAddress
from snakemake_executor_plugin_batchx.plan.names import make_slug
from snakemake_executor_plugin_batchx.spec import TAIL_BYTES, Result

LAST_OUTPUT = "Its last output:"
FIRST_PART = "The first part of its output ends with:"

MAX_STREAMS_READ = 100
"""Of so many failures of a run CloudWatch is asked: at two calls each, four a second, that takes a
minute in which other jobs wait for the threads that do it. Where thousands die without a result,
more would tell little and hold up all."""


@dataclass(frozen=True)
class Output:
    """What is known of a job's output: its end, the file that has it, and what is to be said.

    With `is_beginning`, `tail` is the end of its first part, and whether more follows is not known.
    """

    tail: str = ""
    saved: SavedLog | None = None
    remark: str = ""
    is_beginning: bool = False


@dataclass(frozen=True)
class OwnLog:
    """A file that a rule names by `log:`, and its end."""

    path: str
    tail: str


def find_own_log(base: str, paths: Iterable[str]) -> OwnLog | None:
    """Return the first of a job's own logs that has something in it, None without one.

    `base` is the folder that relative paths refer to.
    """
    for path in paths:
        with contextlib.suppress(OSError), open(os.path.join(base, path), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read().decode("utf-8", "replace")
            if tail.strip():
                return OwnLog(path, tail)
    return None


class FailureTeller:
    """Finds and saves what failed jobs wrote, and tells of them. Safe to use from many threads.

    `open_logs` returns the gateway to a region's logs, for None to those of the run's.
    `console_region` is the region whose console shows the jobs, None where there is none.
    """

    def __init__(
        self,
        open_logs: Callable[[str | None], LogsGateway],
        keeper: LogKeeper,
        console_region: str | None,
    ) -> None:
        self._open_logs = open_logs
        self._keeper = keeper
        self._console_region = console_region
        self._reads_left = threading.Semaphore(MAX_STREAMS_READ)

    def save_output(self, job: TrackedJob, state: JobState, result: Result | None) -> Output:
        """Save what a job wrote: as its result has it, or CloudWatch if it left none.

        What cannot be had is told in the remark; it never keeps a job from being reported.
        """
        name = f"{make_slug(job.description.label.removeprefix('Rule '))}-{job.place}"
        if result is None:
            return self._read_stream(name, state)
        return self._save(result.tail, state, lambda: self._keeper.save_result(name, result))

    def make_message(
        self, text: str, state: JobState, output: Output, own_log: OwnLog | None = None
    ) -> str:
        """Return what the user is told of a failed job; `text` says why it failed.

        `own_log` is a file that the rule names by `log:`, for jobs that write to nothing else.
        """
        lines, saved = [text], output.saved
        if output.tail.strip():
            heading = FIRST_PART if output.is_beginning else LAST_OUTPUT
            lines.append(f"{heading}\n{cut_tail(output.tail)}")
        elif own_log:
            lines.append(f"It wrote nothing to its output. The end of {own_log.path}:")
            lines.append(cut_tail(own_log.tail))
        if saved and saved.path != saved.shown:
            lines.append(f"All of its output: {saved.path}")
        if output.remark:
            lines.append(output.remark)
        return "\n".join([*lines, *self._iter_links(state)])

    def _read_stream(self, name: str, state: JobState) -> Output:
        log = find_last_log(state)
        if log is None:
            return Output()
        command = f"batchx jobs logs {state.job_id}"
        if not self._reads_left.acquire(blocking=False):
            return Output(remark=f"Its output, if it wrote any, is in CloudWatch: {command}")
        try:
            tail = read_tail(self._open_logs(log.region), log.group, log.stream)
        except NoLogError:
            tail = Tail((), is_whole=False)
        except BatchxError as error:
            return Output(remark=f"Its output could not be read: {error}")
        text = "".join(f"{event.message}\n" for event in tail.events)
        if not text:
            return Output(remark=f"CloudWatch shows none of its output, or not yet: {command}")
        save = functools.partial(self._keeper.save_text, name, text, is_whole=tail.is_whole)
        output = self._save(text, state, save)
        if not tail.is_beginning:
            return output
        remark = f"There may be more of it: {command}" if output.saved else output.remark
        return replace(output, remark=remark, is_beginning=True)

    def _save(self, tail: str, state: JobState, save: Callable[[], SavedLog | None]) -> Output:
        try:
            saved = save()
        except (BatchxError, OSError) as error:
            return Output(tail, remark=f"Its output could not be saved: {error}")
        remark = ""
        if saved and not saved.is_whole:
            remark = f"Not all of its output is saved; the whole: batchx jobs logs {state.job_id}"
        return Output(tail, saved, remark)

    def _iter_links(self, state: JobState) -> Iterator[str]:
        region, log = self._console_region, find_last_log(state)
        if region is None:
            return
        job_url = make_job_url(region, state.job_id)
        if job_url:
            yield f"In AWS's console: {job_url}"
        if log:
            stream_url = make_stream_url(log.region or region, log.group, log.stream)
            if stream_url:
                yield f"Its log there: {stream_url}"


def find_last_log(state: JobState) -> LogAddress | None:
    """Return where the container wrote to that ended the last attempt, None where nowhere."""
    return state.last_attempt.log if state.last_attempt else None
