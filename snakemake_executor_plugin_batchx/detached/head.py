"""The head in its container: what it goes on from, its Snakemake, and how it ends."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.detached.journals import recover_state
from snakemake_executor_plugin_batchx.detached.keeper import Keeper
from snakemake_executor_plugin_batchx.detached.order import (
    End,
    Order,
    Place,
    add_options,
    rebase_arguments,
)
from snakemake_executor_plugin_batchx.detached.record import (
    Record,
    SupersededError,
    claim_record,
    read_history,
)
from snakemake_executor_plugin_batchx.detached.restoring import place_entries
from snakemake_executor_plugin_batchx.detached.shipping import name_record
from snakemake_executor_plugin_batchx.detached.state import (
    list_run_ids,
    place_files,
    place_records,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.detached import (
    CONFIG,
    EXIT_FAILED,
    EXIT_LEFT,
    make_head_folder,
)
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.spec import decode, encode
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

CANCEL_SECONDS = 24.0
"""Of the 30 that Batch gives: so long the run's jobs may take to be ended, and the run to close.

https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html"""

BEAT_SECONDS = 0.2

TROUBLE = (BatchxError, OSError, sqlite3.Error)
"""What S3, the disk and SQLite on a full one raise: it may pass, so it is no end of the run."""

TOP = "work"


@dataclass(frozen=True)
class World:
    """What a head has around it; clock (seconds since 1970) and sleep are passed in."""

    store: S3Gateway
    root: S3Root
    job_id: str
    attempt: int
    environment: Mapping[str, str]
    clock: Callable[[], float]
    sleep: Callable[[float], object]

    def say(self, text: str) -> None:
        """Write a line to the head's log."""
        print(f"batchx: {text}", flush=True)  # noqa: T201


class HeadRun:
    """One attempt of a head. `is_asked_to_end` is to be set when SIGTERM comes."""

    def __init__(self, world: World, place: Place) -> None:
        self._world = world
        self._place = place
        self._order = decode(Order, json.loads(world.store.read_bytes(place.order_key)))
        self._folder = make_head_folder(self._order.head_folder)
        self._top = self._folder / TOP / os.path.basename(self._order.top)
        self._work_dir = self._top / self._order.work_dir
        self._began = world.clock()
        self._is_cancelled = False
        self.is_asked_to_end = False

    def run(self) -> int:
        """Go on with the run to its end; return the exit code, EXIT_LEFT where it did not come."""
        try:
            return self._go_on()
        except TROUBLE as error:
            # The record tells what there is: another attempt goes on from it.
            self._world.say(f"{error} This head ends here.")
            return EXIT_LEFT

    def _go_on(self) -> int:
        store, place = self._world.store, self._place
        if store.has_object(place.end_key):
            return int(json.loads(store.read_bytes(place.end_key))["exit_code"])
        record = claim_record(store, place.record_prefix, self._world.attempt)
        with ExitStack() as stack:
            keeper = self._restore(record, stack)
            keeper.keep(is_last=True)
            child = self._start(record)
            stack.callback(child.kill)  # whatever comes: no Snakemake goes on without its head
            exit_code = self._follow(child, keeper)
            keeper.keep(is_last=True)
        if exit_code != EXIT_LEFT:
            self._end(exit_code)
        return exit_code

    def _restore(self, record: Record, stack: ExitStack) -> Keeper:
        """Bring the folder to where the record says that it was."""
        world, order = self._world, self._order
        state = recover_state(read_history(world.store, self._place.record_prefix))
        snakemake_dir = self._work_dir / ".snakemake"
        place_files(self._folder / CONFIG / "snakemake", _encode_texts(order.profiles))
        self._work_dir.mkdir(parents=True, exist_ok=True)
        place_records(snakemake_dir, state.records)
        place_files(self._work_dir / STATE_DIR, state.journals)
        root_url = world.root.make_url(world.root.prefix)
        mirror = stack.enter_context(
            Mirror(self._work_dir / STATE_DIR / "mirror.sqlite", root_url, order.detached_id, 1)
        )
        transfer = stack.enter_context(Transfer(world.store))
        place_entries(str(self._top), state.entries, transfer, mirror)
        (self._top / order.start_dir).mkdir(parents=True, exist_ok=True)
        stager = Stager(world.root, mirror, transfer, str(self._top), order.detached_id)
        keeper = Keeper(record, stager, self._top, order.work_dir)
        keeper.know(state.entries)
        return keeper

    def _start(self, record: Record) -> "subprocess.Popen[bytes]":
        world, order = self._world, self._order
        given = rebase_arguments(order.arguments, {order.top: str(self._top)})
        added = ["--scheduler", "greedy", "--batchx-profile=", "--batchx-region", order.region]
        if world.attempt > 1:
            added.append("--rerun-incomplete")
        record_at = name_record(self._place.record_prefix, world.attempt, record.next_number)
        start = (sys.executable, "-P", "-s", "-X", "utf8", "-m", "snakemake")
        return subprocess.Popen(
            [*start, *add_options(given, added)],
            cwd=self._top / order.start_dir,
            env={**world.environment, **self._read_secrets(), **record_at},
            stdin=subprocess.DEVNULL,
        )

    def _read_secrets(self) -> dict[str, str]:
        if not self._order.secret_names:
            return {}
        values: dict[str, str] = json.loads(self._world.store.read_bytes(self._place.secrets_key))
        return values

    def _follow(self, child: "subprocess.Popen[bytes]", keeper: Keeper) -> int:
        """Keep states until Snakemake ends; return its exit code, EXIT_LEFT if it was left."""
        kept_at = self._world.clock()
        while (code := reap(child)) is None:
            if self.is_asked_to_end:
                return self._stop(child)
            is_due = self._world.clock() - kept_at >= self._order.checkpoint_seconds
            if is_due:
                self._keep_if_changed(keeper)
                kept_at = self._world.clock()
            self._world.sleep(BEAT_SECONDS)
        if code < 0:
            self._world.say(f"Snakemake was ended by signal {-code} (is its memory enough?).")
            return EXIT_FAILED
        return code

    def _keep_if_changed(self, keeper: Keeper) -> None:
        try:
            if keeper.has_changed():
                keeper.keep()
        except SupersededError:
            raise
        except TROUBLE as error:
            self._world.say(f"no checkpoint this time: {error}")

    def _stop(self, child: "subprocess.Popen[bytes]") -> int:
        """End Snakemake: with its jobs if the user cancels the run, else without a word to them."""
        if not self._world.store.has_object(self._place.cancel_key):
            self._world.say("this host goes away: the jobs go on, and so does the run elsewhere.")
            child.kill()
            child.wait()
            return EXIT_LEFT
        self._is_cancelled = True
        self._world.say("the run is cancelled: its jobs are ended.")
        child.send_signal(signal.SIGINT)
        deadline = self._world.clock() + CANCEL_SECONDS
        while (code := reap(child)) is None and self._world.clock() < deadline:
            self._world.sleep(BEAT_SECONDS)
        if code is None:
            child.kill()
            child.wait()
        return code if code is not None and code > 0 else EXIT_FAILED

    def _end(self, exit_code: int) -> None:
        store, place = self._world.store, self._place
        journals = sorted(path.name for path in (self._work_dir / STATE_DIR).glob("*.jsonl"))
        end = End(
            exit_code=exit_code,
            began=self._order.created,
            ended=self._world.clock(),
            run_ids=list_run_ids(journals),
            is_cancelled=self._is_cancelled,
        )
        store.write_bytes(place.end_key, json.dumps(encode(end)).encode())
        store.delete_objects([place.secrets_key])
        shutil.rmtree(self._folder, ignore_errors=True)


def reap(child: "subprocess.Popen[bytes]") -> int | None:
    """Return the exit code of a process that has ended, else None.

    Of the container's first process all orphans are children: those that have ended go, too.
    """
    if child.returncode is not None:
        return child.returncode
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return child.poll()
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode
        if pid == 0:
            return None


def _encode_texts(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}
