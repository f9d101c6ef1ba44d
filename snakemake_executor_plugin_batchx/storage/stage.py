"""Inputs on their way in: from the head's disk to the S3 root."""

import dataclasses
import os
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Blob, Entry
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.storage.tree import list_entries

FileState = tuple[str, int, int]
"""Absolute path, size, mtime_ns: what must be equal for a file to count as unchanged."""


class AbandonedError(Exception):
    """Whoever had claimed a file did not send it."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """Where the blob of a file's state will be; `is_mine` tells who sends it."""

    blob: Future[Blob]
    is_mine: bool


class Stager:
    """Sends inputs to the S3 root, each state of a file once, whoever asks and how often.

    `base` is the head's working directory. Safe to use from many threads.
    """

    def __init__(
        self,
        root: S3Root,
        mirror: Mirror,
        transfer: Transfer,
        base: str,
        run_id: str,
    ) -> None:
        self._root = root
        self._mirror = mirror
        self._transfer = transfer
        self._base = base
        self._run_id = run_id
        self._lock = threading.Lock()
        self._known: dict[FileState, Future[Blob]] = {}

    def stage_inputs(self, paths: Sequence[str], label: str) -> tuple[Entry, ...]:
        """Return the inputs of a job as entries whose content is in S3.

        Raises BatchxError where an input is missing or cannot be read or sent.
        """
        entries: list[Entry] = []
        for path in paths:
            try:
                entries += list_entries(self._base, path)
            except OSError as error:
                raise BatchxError(
                    f"{label}: input {path} cannot be read: {error.strerror}."
                ) from error
        return self.stage_entries(entries)

    def stage_entries(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """Return entries of what is below `base`, files with the blobs that hold them.

        Raises BatchxError where a file cannot be read or sent, OSError where it is gone.
        """
        states: dict[str, FileState] = {}
        for entry in entries:
            if entry.kind == "file":
                path = os.path.join(self._base, entry.path)
                status = os.stat(path)
                states[entry.path] = (os.path.realpath(path), status.st_size, status.st_mtime_ns)
        blobs = self._find_blobs(set(states.values()))
        return tuple(
            dataclasses.replace(entry, blob=blobs[state], mtime_ns=state[2])
            if (state := states.get(entry.path))
            else entry
            for entry in entries
        )

    def _find_blobs(self, states: set[FileState]) -> dict[FileState, Blob]:
        """Return the blobs of files, some of which other jobs may be sending."""
        while True:
            claims = self._claim(states)
            self._provide([state for state, claim in claims.items() if claim.is_mine])
            try:
                return {state: claim.blob.result() for state, claim in claims.items()}
            except AbandonedError:
                continue  # whoever sent it failed, perhaps at another file: it is ours to try

    def _claim(self, states: Iterable[FileState]) -> dict[FileState, "Claim"]:
        """Return for each state where its blob will be, and whether this call has to send it."""
        claims: dict[FileState, Claim] = {}
        with self._lock:
            for state in states:
                if state in claims:
                    continue
                future = self._known.get(state)
                if future is None:
                    self._known[state] = future = Future()
                    claims[state] = Claim(future, is_mine=True)
                else:
                    claims[state] = Claim(future, is_mine=False)
        return claims

    def _provide(self, states: Sequence[FileState]) -> None:
        """Find or send what this call has claimed; the claims end, one way or the other."""
        try:
            blobs = self._find_known(states)
            rest = [state for state in states if state not in blobs]
            sent = self._send(rest)
        except BaseException:
            with self._lock:
                claimed = [self._known.pop(state) for state in states]  # the next job tries again
            for future in claimed:
                future.set_exception(AbandonedError())
            raise
        for state, blob in (blobs | sent).items():
            self._known[state].set_result(blob)

    def _find_known(self, states: Sequence[FileState]) -> dict[FileState, Blob]:
        """Return those that are in S3 already, as the mirror notes and S3 tells."""
        known = {state: self._mirror.find_blob(*state) for state in states}
        noted = {state: found for state, found in known.items() if found is not None}
        # What this run noted is there; what an earlier one noted may have been cleaned up.
        doubtful = {found.blob.key for found in noted.values() if found.run_id != self._run_id}
        gone = doubtful - self._transfer.find_existing(sorted(doubtful))
        return {s: found.blob for s, found in noted.items() if found.blob.key not in gone}

    def _send(self, states: Sequence[FileState]) -> dict[FileState, Blob]:
        paths = [path for path, _, _ in states]
        try:
            blobs = self._transfer.send_files(paths, self._root.get_data_key, may_exist=True)
        except OSError as error:
            raise BatchxError(
                f"Input {error.filename} cannot be read: {error.strerror}."
            ) from error
        for (path, _, mtime_ns), blob in zip(states, blobs, strict=True):
            self._mirror.note_blob(path, mtime_ns, blob)
        return dict(zip(states, blobs, strict=True))
