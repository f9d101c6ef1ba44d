"""Checkpoints: what a head has on its disk, brought to S3 while its Snakemake goes on."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from snakemake_executor_plugin_batchx.detached.folder import (
    LOG_FOLDER,
    list_folder,
    make_filter,
)
from snakemake_executor_plugin_batchx.detached.record import Record
from snakemake_executor_plugin_batchx.detached.state import State, pack_state, read_records
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Entry
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.tree import list_entries

TRIES = 5

Mark = tuple[tuple[str, int], ...]


class Keeper:
    """Keeps the states of a head in its record.

    `top` is the folder that travels, `work_dir` where Snakemake works, relative to it. The stager's
    base is `top`, too. `clock_ns` returns nanoseconds since 1970.
    """

    def __init__(
        self,
        record: Record,
        stager: Stager,
        top: Path,
        work_dir: str,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._record = record
        self._stager = stager
        self._top = top
        self._work_dir = work_dir
        self._clock_ns = clock_ns
        self._is_left_out = make_filter(str(top))
        self._entries: dict[str, Entry] = {}
        self._number: int | None = None
        self._mark: Mark = ()

    @property
    def snakemake_dir(self) -> Path:
        """Snakemake's own folder."""
        return self._top / self._work_dir / ".snakemake"

    def know(self, entries: Iterable[Entry]) -> None:
        """Take note of entries that are in S3, with the files' times on this disk."""
        self._entries = {entry.path: entry for entry in entries}

    def has_changed(self) -> bool:
        """Tell whether anything was journaled or logged since the last state."""
        return self._look() != self._mark

    def keep(self, *, is_last: bool = False) -> None:
        """Bring what is new to S3, and then the state that tells of it.

        What Snakemake and the journal say is read first, and files that changed since then wait for
        the next state, unless it is the last: so no state says of a job that it was reported
        without having its files. One that was removed meanwhile, a temp() say, makes this begin
        again: its job may not have been needed any more only because of what came later.
        Raises BatchxError where S3 refuses, or where files go again and again.
        """
        for _ in range(TRIES):
            mark, since, began_ns = self._look(), self._record.next_number, self._clock_ns()
            try:
                before = {entry.path for entry in self._list()}
                journals, records = read_records(self.snakemake_dir)
                entries = self._stage(None if is_last else began_ns, before)
            except FileNotFoundError:
                continue
            except BatchxError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
                continue
            break
        else:
            raise BatchxError("Files come and go too quickly to be kept.")
        number = self._record.append_state(pack_state(State(entries, journals, records)), since)
        self.know(entries)
        if self._number is not None:
            self._record.empty_state(self._number)
        self._number, self._mark = number, mark

    def _stage(self, limit_ns: int | None, before: set[str]) -> tuple[Entry, ...]:
        found = self._list()
        if limit_ns is not None and before - {entry.path for entry in found}:
            raise FileNotFoundError
        kept: list[Entry] = []
        new: list[Entry] = []
        for entry in found:
            known = self._entries.get(entry.path)
            if known is not None and replace(known, blob=None) == self._stat(entry):
                kept.append(known)
            elif limit_ns is not None and self._is_newer(entry, limit_ns):
                kept += [known] if known is not None else []
            else:
                new.append(entry)
        staged = self._stager.stage_entries(new)
        return tuple(sorted((*kept, *staged), key=lambda entry: entry.path))

    def _stat(self, entry: Entry) -> Entry:
        """Return an entry as one that was staged would be, but for its blob.

        The size is part of what tells one state of a file from another.
        """
        known = self._entries[entry.path]
        if entry.kind != "file" or known.blob is None:
            return entry
        status = os.stat(self._top / entry.path)
        has_size = status.st_size == known.blob.size
        return replace(entry, mtime_ns=status.st_mtime_ns if has_size else -1)

    def _is_newer(self, entry: Entry, limit_ns: int) -> bool:
        return entry.kind == "file" and os.stat(self._top / entry.path).st_ctime_ns > limit_ns

    def _list(self) -> list[Entry]:
        logs = os.path.normpath(os.path.join(self._work_dir, LOG_FOLDER))
        found = list_folder(str(self._top), self._is_left_out)
        if os.path.isdir(self._top / logs):
            found += list_entries(str(self._top), logs, self._is_left_out)
        return found

    def _look(self) -> Mark:
        """Return what there is of journals and logs, with sizes; what comes and goes is not it."""
        journals = (self.snakemake_dir / "batchx").glob("*.jsonl")
        logs = (self.snakemake_dir / "log").glob("*")
        mark: list[tuple[str, int]] = []
        for path in (*journals, *logs):
            with suppress(FileNotFoundError):  # it was removed just now
                mark.append((str(path), path.stat().st_size))
        return tuple(sorted(mark))
