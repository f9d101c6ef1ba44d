"""What `batchx run` does with detached runs: list, attach, logs, cancel."""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from snakemake_executor_plugin_batchx.batch.state import interpret_job
from snakemake_executor_plugin_batchx.cli.aws_options import name_options
from snakemake_executor_plugin_batchx.cli.batch_access import make_batch, say
from snakemake_executor_plugin_batchx.cli.job_logs import (
    follow_job,
    open_access,
    print_job,
)
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED
from snakemake_executor_plugin_batchx.detached.homecoming import bring_home, iter_kept_lines
from snakemake_executor_plugin_batchx.detached.notes import RunNote, read_notes, write_note
from snakemake_executor_plugin_batchx.detached.order import End
from snakemake_executor_plugin_batchx.detached.runs import (
    DetachedRun,
    find_left_jobs,
    find_run,
    read_leavings,
    read_run,
    read_runs,
)
from snakemake_executor_plugin_batchx.detached.site import Site, open_site
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.spec import encode
from snakemake_executor_plugin_batchx.storage.words import format_size

ROOT_VARIABLE = "SNAKEMAKE_BATCHX_S3_ROOT"

LISTED = 20

Action = Callable[[Site, argparse.Namespace], int]

CANCELLED = "Ended by batchx run cancel."

END_SECONDS = 90.0
"""So long a head may take to end after its TerminateJob: 30 s, and what Batch takes to tell."""

LOOK_SECONDS = 1.0


def open_here(settings: ExecutorSettings, s3_root: str) -> Site:
    """Open AWS as settings say. Raises BatchxError without credentials or region."""
    return open_site(settings, s3_root, lambda session: make_batch(session, lambda: False))


def act(action: Action, args: argparse.Namespace) -> int:
    """Open the site that is meant, and do something with its runs."""
    notes = read_notes(Path.cwd())
    wanted = getattr(args, "detached_id", None)
    mine = [note for note in notes if not wanted or note.detached_id.startswith(wanted)]
    note = mine[-1] if mine else None
    root = args.s3_root or (note.s3_root if note else os.environ.get(ROOT_VARIABLE))
    if not root:
        raise BatchxError(
            "No detached run was started in this folder: go where it was, give --s3-root, or set "
            f"{ROOT_VARIABLE}."
        )
    settings = ExecutorSettings(
        region=args.region or (note.region if note else None),
        profile=args.profile or (note.profile if note else None),
    )
    try:
        site = open_here(settings, root)
    except BatchxError as error:
        raise BatchxError(name_options(str(error))) from error
    try:
        return action(site, args)
    except KeyboardInterrupt:
        return INTERRUPTED


def run_list(site: Site, args: argparse.Namespace) -> int:
    """List detached runs, the latest last."""
    ids = site.list_ids()
    runs = read_runs(site, ids if args.all else ids[-LISTED:], say)
    if args.json:
        print(json.dumps([make_record(run) for run in runs], indent=2))
        return 0
    for run in runs:
        began = datetime.fromtimestamp(run.order.created, UTC)
        print(f"{run.detached_id}  {began:%Y-%m-%d %H:%M}  {run.order.who}  {run.tell()}")
    if not runs:
        say(f"no detached run is known under {site.root.make_url(site.root.prefix)}")
    return 0


def make_record(run: DetachedRun) -> dict[str, object]:
    """Return a run as its entry of --json."""
    return {
        "id": run.detached_id,
        "created": run.order.created,
        "who": run.order.who,
        "job_id": run.job.job_id if run.job else None,
        "queue": run.job.queue if run.job else None,
        "state": run.tell(),
        "exit_code": run.end.exit_code if run.end else None,
        "arguments": run.order.arguments,
    }


def run_attach(site: Site, args: argparse.Namespace) -> int:
    """Follow a run to its end and bring home what it has made; exit with its exit code."""
    notes = {note.detached_id: note for note in read_notes(Path.cwd())}
    detached_id = find_run(site, args.detached_id, notes).detached_id
    return attach_to(site, detached_id, notes.get(detached_id), Path.cwd())


def attach_to(site: Site, detached_id: str, note: RunNote | None, folder: Path) -> int:
    """Follow a run to its end, and bring home what it has made where `note` says that it is here.

    `folder` holds the note. Returns the run's exit code.
    """
    run = _await_shown(site, detached_id)
    if not run.is_over and run.job is not None:
        try:
            _follow(site, run.job.job_id)
        except KeyboardInterrupt:
            say(
                f"detached run {detached_id} goes on: batchx run attach {detached_id} follows it "
                f"again, batchx run cancel {detached_id} ends it"
            )
            return INTERRUPTED
        run = read_run(site, detached_id)
    say(f"detached run {detached_id}: {run.tell()}")
    if run.end is None:
        site.store.delete_objects([run.place.secrets_key])  # no head will
        if run.job is not None:
            say(
                f"jobs that it has left may go on: batchx run cancel {detached_id} ends them, the "
                "next detached run of the folder takes them up"
            )
    if note is None:
        say("what it has made comes home in the folder where it was started, by the same command")
    elif not note.is_home:
        _bring_home(site, run, note)
        write_note(replace(note, is_home=True), folder)
    return run.end.exit_code if run.end else 1


def _await_shown(site: Site, detached_id: str) -> DetachedRun:
    """Return a run that Batch shows, or of which it is certain that it will not."""
    while (run := read_run(site, detached_id)).is_unseen:
        time.sleep(LOOK_SECONDS)
    return run


def _list_mine() -> list[str]:
    return [note.detached_id for note in read_notes(Path.cwd())]


def _bring_home(site: Site, run: DetachedRun, note: RunNote) -> None:
    if not Path(note.top).is_dir():
        raise BatchxError(
            f"{note.top}, which was sent, is not there any more: move the folder back to where it "
            "was, and attach again."
        )
    home = bring_home(site.store, site.root, run.order, run.place, note.top)
    files = [entry for entry in home.placed if entry.blob is not None]
    size = format_size(sum(entry.blob.size for entry in files if entry.blob))
    say(f"brought home to {note.top}: {len(files)} files, {size}")
    for line in iter_kept_lines(home):
        say(line)


def _follow(site: Site, job_id: str) -> None:
    follow_job(_name_job(job_id), open_access(site.session), time.monotonic, time.sleep)


def _name_job(job_id: str) -> argparse.Namespace:
    return argparse.Namespace(job=job_id, attempt=None, container=None, timestamps=False)


def run_logs(site: Site, args: argparse.Namespace) -> int:
    """Print what a run's head has written, or follow it."""
    run = find_run(site, args.detached_id, _list_mine())
    if run.job is None:
        raise BatchxError(f"Detached run {run.detached_id} has no head: it was {run.tell()}.")
    if args.follow:
        _follow(site, run.job.job_id)
        return 0
    return print_job(_name_job(run.job.job_id), open_access(site.session))


def run_cancel(site: Site, args: argparse.Namespace) -> int:
    """End a run's head and its jobs; exit with 1 where something could not be ended.

    Also those that an end without success, such as an earlier `cancel`, has left.
    """
    run = find_run(site, args.detached_id, _list_mine(), is_mine_only=True)
    if run.end is not None and run.end.exit_code == 0:
        say(f"detached run {run.detached_id} {run.tell()}: there is nothing to end")
        return 0
    problems: list[str] = []
    if run.end is None:
        site.store.write_bytes(run.place.cancel_key, b"")
        if run.job is not None and not run.is_over:
            say(f"ending detached run {run.detached_id}: its head ends the jobs")
            problems += site.batch.terminate_jobs([run.job.job_id], CANCELLED)
            run = _await_end(site, run.detached_id, run.job.job_id)
    left = read_leavings(site, run.place)
    jobs = find_left_jobs(site, left)
    if jobs:
        say(f"ending {len(jobs)} jobs that it has left")
        problems += site.batch.terminate_jobs([job.job_id for job in jobs], CANCELLED)
    if run.end is None:
        end = End(1, run.order.created, time.time(), left.run_ids, is_cancelled=True)
        site.write_json(run.place.end_key, encode(end))
    site.store.delete_objects([run.place.secrets_key])
    for problem in problems:
        say(problem)
    say(f"detached run {run.detached_id} has ended")
    return 1 if problems else 0


def _await_end(site: Site, detached_id: str, job_id: str) -> DetachedRun:
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        states = map(interpret_job, site.batch.describe_jobs([job_id]))
        if all(state.is_terminal for state in states):
            break
        time.sleep(LOOK_SECONDS)
    return read_run(site, detached_id)
