"""Snakemake in a child process: forked, so nothing is started or imported a second time.

The child leads a process group of its own, so that it and all its tools can be ended together.
"""

import functools
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from snakemake_executor_plugin_batchx.job.kept_output import KeptOutput, choose_kept_bytes
from snakemake_executor_plugin_batchx.job.note import (
    Note,
    NotePage,
    make_problem,
    record_errors,
)
from snakemake_executor_plugin_batchx.job.objects import KEEP_COPIES, open_objects, send_objects
from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.job.tail import TailPump
from snakemake_executor_plugin_batchx.spec import EXIT_TERMINATED, JobSpec
from snakemake_executor_plugin_batchx.storage.kept_files import KeptFiles
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options
from snakemake_executor_plugin_batchx.storage.room import find_free_bytes

TERM_GRACE_SECONDS = 10.0
"""Of the 30 s that Batch gives between SIGTERM and SIGKILL; the rest is for sending the log.

https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html"""

TAIL_GRACE_SECONDS = 5.0
POLL_SECONDS = 0.05


OnReady = Callable[[list[Any]], None]
"""Called in the child with Snakemake's jobs, before the first of them runs and when the
environments stand that they need."""


class TerminatedError(Exception):
    """SIGTERM came: Batch ends this job."""


@dataclass(frozen=True)
class Place:
    """Where a job's Snakemake works: absolute paths.

    `start_dir` is where Snakemake starts, `output_path` where the beginning of its output is kept,
    `places` what stands for what in params and commands (job/places.py), `kept` what the host
    keeps, `s3_options` what is asked of S3 for the user's objects.
    """

    start_dir: Path
    output_path: Path
    places: Places
    kept: KeptFiles | None = None
    s3_options: S3Options = PLAIN_OPTIONS


@dataclass(frozen=True)
class ChildOutcome:
    """How the child ended.

    `exit_code` is its tool's; `problem` a sentence if it was not the tool's fault; `output_bytes`
    are all that it wrote, `tail` is the end of that; `rule` is the one whose tool failed. CPU
    seconds and the largest resident set (MiB) are those of it and its tools.
    """

    exit_code: int
    problem: str | None
    tail: str = ""
    output_bytes: int = 0
    rule: str = ""
    cpu_seconds: float = 0.0
    peak_memory_mib: float = 0.0


def run_in_child(job: JobSpec, place: Place, on_ready: OnReady) -> ChildOutcome:
    """Run the job's Snakemake in its place; return how it ended.

    SIGTERM, which the entry turns into TerminatedError, ends the child and all its tools first.
    """
    kept = KeptOutput(place.output_path, choose_kept_bytes(find_free_bytes(str(place.start_dir))))
    page = NotePage()
    pump = TailPump(_forward, kept)
    sys.stdout.flush()
    sys.stderr.flush()
    # A SIGTERM between the fork and the `try` would leave a child that nobody ends.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid == 0:
        work = functools.partial(_call_snakemake, job, place, on_ready, page)
        _become_snakemake(work, place.start_dir, pump.write_fd)
    problem = None
    try:
        _lead_group(pid)
        pump.close_writer()
        pump.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        status, usage = _wait_for(pid)
    except TerminatedError:
        status, usage = _end_group(pid)
        problem = "Batch ended this job (SIGTERM): it was cancelled or ran out of time."
    finally:
        _kill_group(pid)  # what the tool left running in the background
    tail = pump.finish(TAIL_GRACE_SECONDS)
    note = _read_note(page, os.waitstatus_to_exitcode(status), problem)
    return ChildOutcome(
        exit_code=note.exit_code,
        problem=note.problem,
        rule=note.rule,
        tail=tail,
        output_bytes=kept.size,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_mib=usage.ru_maxrss / 1024,
    )


def _lead_group(pid: int) -> None:
    """Make a process (0: this one) lead a group; both sides do it, for either may come first."""
    try:
        os.setpgid(pid, 0)
    except (PermissionError, ProcessLookupError):
        return  # it has gone on or ended already


def _forward(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _become_snakemake(work: Callable[[], int], start_dir: Path, output_fd: int) -> NoReturn:
    """Run Snakemake (`work`) in this process and end it with Snakemake's exit code."""
    code = 1
    try:
        _lead_group(0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        os.close(output_fd)
        os.chdir(start_dir)
        code = work()
    except BaseException:  # noqa: BLE001 - this process ends here: all that is left is to say why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # nothing of the parent's may be unwound here


def _call_snakemake(job: JobSpec, place: Place, on_ready: OnReady, page: NotePage) -> int:
    # The parent has loaded these while the inputs arrived.
    from snakemake import cli  # noqa: PLC0415
    from snakemake_interface_executor_plugins.registry import (  # noqa: PLC0415
        ExecutorPluginRegistry,
    )

    from snakemake_executor_plugin_batchx.job.checkpoints import know_checkpoints  # noqa: PLC0415
    from snakemake_executor_plugin_batchx.job.executor import (  # noqa: PLC0415
        PLUGIN_NAME,
        make_guard,
    )

    guard = make_guard(job.steps, page, on_ready, place.places)
    ExecutorPluginRegistry().register_plugin(PLUGIN_NAME, guard)
    know_checkpoints(job.checkpoints)
    objects = open_objects(job, place.kept, place.s3_options)
    argv = [*job.argv, *([KEEP_COPIES] if objects else [])]
    code = 0
    with record_errors() as errors:
        try:
            cli.main(argv)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else int(bool(ending.code))
    if code:
        page.write(Note(code, make_problem(errors)))
    if objects:
        code = send_objects(objects, page) or code
    return code


def _wait_for(pid: int) -> tuple[int, resource.struct_rusage]:
    """Wait for the child, reaping every orphan that falls to the container's first process."""
    while True:
        ended, status, usage = os.wait4(-1, 0)
        if ended == pid:
            return status, usage


def _end_group(pid: int) -> tuple[int, resource.struct_rusage]:
    """Ask the child's group to end, insist after TERM_GRACE_SECONDS, and reap the child."""
    _signal_group(pid, signal.SIGTERM)
    deadline = time.monotonic() + TERM_GRACE_SECONDS
    while time.monotonic() < deadline:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage
        time.sleep(POLL_SECONDS)
    _kill_group(pid)
    _, status, usage = os.wait4(pid, 0)
    return status, usage


def _kill_group(pid: int) -> None:
    _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _read_note(page: NotePage, status: int, problem: str | None) -> Note:
    """Return the exit code to report and why, from the guard's note and the child's own end."""
    if problem:
        return Note(EXIT_TERMINATED, problem)
    return page.read() or Note(128 - status if status < 0 else status, None)
