"""Results on their way out: from the S3 root to the head's disk."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.packets import make_packet, open_packet
from snakemake_executor_plugin_batchx.spec import Blob, Entry, Product, Result, decode, encode
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer, place_content
from snakemake_executor_plugin_batchx.storage.tree import (
    apply_modes,
    apply_times,
    make_skeleton,
    remove_path,
)

ReadBulk = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Returns the content of those of many objects that can be read quickly."""

HERE = ""
"""Key of a blob that lies in the packet that names it: the job cannot know its offset yet."""


@dataclass(frozen=True)
class FetchedResult:
    """A job's result, with the packet it came in: the small files' content."""

    key: str
    result: Result
    packet: bytes

    @property
    def is_whole(self) -> bool:
        """Whether all that the job left is in the packet."""
        return self.result.output is None and all(map(self.has_content_of, self.result.files))

    def has_content_of(self, entry: Entry) -> bool:
        """Tell whether the content of an entry, if it has any, is in the packet."""
        return entry.kind != "file" or (entry.blob is not None and entry.blob.key == self.key)


def make_result_packet(result: Result, parts: Sequence[bytes]) -> bytes:
    """Return the object that a job leaves: its result and its small files' content."""
    return make_packet(encode(result), parts)


class Fetcher:
    """Reads results and puts their files in place. `base` is the head's working directory."""

    def __init__(
        self,
        store: ObjectStore,
        mirror: Mirror,
        transfer: Transfer,
        base: str,
        read_bulk: ReadBulk,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._transfer = transfer
        self._base = base
        self._read_bulk = read_bulk
        self._real_folders: dict[str, str] = {}

    def fetch_results(self, keys: Sequence[str]) -> dict[str, FetchedResult]:
        """Return those of many results that can be read quickly, by their keys.

        One that makes no sense is left out: `fetch_result` says what is wrong with it.
        """
        found = {}
        for key, data in self._read_bulk(keys).items():
            with contextlib.suppress(BatchxError, ValueError, TypeError, LookupError):
                found[key] = _open_result(key, data)
        return found

    def fetch_result(self, key: str) -> FetchedResult:
        """Return a job's result, in one request. Raises StorageError where there is none."""
        return _open_result(key, self._store.read_bytes(key))

    def place_files(
        self, fetched: FetchedResult, products: Sequence[Product], *, now_ns: int, newest_ns: int
    ) -> None:
        """Put the files of these products in place, whole, replacing what was there.

        All get one modification time, now or that of the newest input if that is later: Snakemake
        compares times, and the order of arrival means nothing.
        """
        wanted = {os.path.normpath(product.path) for product in products}
        entries = tuple(e for e in fetched.result.files if _is_below(e.path, wanted))
        for path in wanted & {os.path.normpath(entry.path) for entry in entries}:
            full = os.path.join(self._base, path)
            # A file is replaced when its successor has arrived, a directory has to go first.
            if os.path.isdir(full) and not os.path.islink(full):
                remove_path(full)
        make_skeleton(self._base, entries)
        time_ns = max(now_ns, newest_ns)
        packed = {e.path for e in entries if self._place_packed(e, fetched, time_ns)}
        rest = tuple(entry for entry in entries if entry.path not in packed)
        files = [entry for entry in rest if entry.kind == "file"]
        self._transfer.fetch_blobs([self._locate(entry) for entry in files])
        apply_modes(self._base, rest)
        apply_times(self._base, rest, time_ns)
        for entry in files:
            self._note(entry, os.stat(os.path.join(self._base, entry.path)).st_mtime_ns)

    def _place_packed(self, entry: Entry, fetched: FetchedResult, time_ns: int) -> bool:
        """Place a file whose content came in the packet, mode and time included.

        Returns whether the entry is one.
        """
        blob = entry.blob
        if entry.kind != "file" or blob is None or not fetched.has_content_of(entry):
            return False
        data = fetched.packet[blob.offset : blob.offset + blob.size]
        target = os.path.join(self._base, entry.path)
        kept_ns = place_content(blob, data, target, mode=entry.mode, time_ns=time_ns)
        self._note(entry, kept_ns)
        return True

    def _locate(self, entry: Entry) -> tuple[Blob, Path]:
        if entry.blob is None:
            raise ValueError(f"{entry.path} has no content")
        return entry.blob, Path(self._base, entry.path)

    def _note(self, entry: Entry, mtime_ns: int) -> None:
        """Note where a file's content is. That the file itself is no link is sure: it is new."""
        folder, name = os.path.split(os.path.join(self._base, entry.path))
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = os.path.realpath(folder)
        if entry.blob is not None:
            self._mirror.note_blob(os.path.join(real, name), mtime_ns, entry.blob)


def list_missing(result: Result, products: Sequence[Product]) -> list[str]:
    """Return the outputs that a job owed and did not leave."""
    present = {entry.path for entry in result.files}
    return [
        product.path
        for product in products
        if product.kind == "output" and not product.is_optional and product.path not in present
    ]


def _open_result(key: str, data: bytes) -> FetchedResult:
    packet = open_packet(lambda offset, size: data[offset : offset + size])
    header = {name: value for name, value in packet.header.items() if name != "parts"}
    result = decode(Result, header)
    files = tuple(_resolve(entry, key, packet.body_offset) for entry in result.files)
    return FetchedResult(key, dataclasses.replace(result, files=files), data)


def _resolve(entry: Entry, key: str, body_offset: int) -> Entry:
    blob = entry.blob
    if blob is None or blob.key != HERE:
        return entry
    here = dataclasses.replace(blob, key=key, offset=blob.offset + body_offset)
    return dataclasses.replace(entry, blob=here)


def _is_below(path: str, tops: set[str]) -> bool:
    """Tell whether a path is one of `tops` (in normal form) or inside one."""
    path = os.path.normpath(path)
    if path in tops:
        return True
    pure = PurePath(path)
    return any(str(each) in tops for each in (pure, *pure.parents))
