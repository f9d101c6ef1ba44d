"""Inputs on their way in: from the head's disk to the S3 root."""

import dataclasses
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Blob, Entry
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer
from snakemake_executor_plugin_batchx.storage.tree import list_entries

FileState = tuple[str, int, int]
"""Absolute path, size, mtime_ns: what must be equal for a file to count as unchanged."""


class Stager:
    """Sends inputs to the S3 root, each state of a file once, whoever asks and how often.

    `base` is the head's working directory. Safe to use from many threads.
    """

    def __init__(
        self,
        store: ObjectStore,
        root: S3Root,
        mirror: Mirror,
        transfer: Transfer,
        base: str,
        run_id: str,
    ) -> None:
        self._store = store
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
        return tuple(self._transfer.run_all(self._locate, entries))

    def _locate(self, entry: Entry) -> Entry:
        if entry.kind != "file":
            return entry
        path = os.path.join(self._base, entry.path)
        status = os.stat(path)
        state = (os.path.realpath(path), status.st_size, status.st_mtime_ns)
        blob = self._locate_once(state)
        return dataclasses.replace(entry, blob=blob, mtime_ns=status.st_mtime_ns)

    def _locate_once(self, state: FileState) -> Blob:
        with self._lock:
            future = self._known.get(state)
            is_first = future is None
            if future is None:
                future = self._known[state] = Future()
        if is_first:
            try:
                future.set_result(self._find_or_send(state))
            except BaseException as error:  # noqa: BLE001 - raised again by future.result()
                with self._lock:
                    del self._known[state]  # the next job that needs it tries again
                future.set_exception(error)
        return future.result()

    def _find_or_send(self, state: FileState) -> Blob:
        path, size, mtime_ns = state
        known = self._mirror.find_blob(path, size, mtime_ns)
        # What this run noted is there; what an earlier one noted may have been cleaned up.
        if known and (known.run_id == self._run_id or self._store.has_object(known.blob.key)):
            return known.blob
        try:
            blob = self._transfer.send_file(path, self._root.get_data_key, may_exist=True)
        except OSError as error:
            raise BatchxError(f"Input {path} cannot be read: {error.strerror}.") from error
        self._mirror.note_blob(path, mtime_ns, blob)
        return blob
