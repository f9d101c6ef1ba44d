"""The job's own ends of the shim: inputs into place, products out of it."""

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.job.host_cache import HostCache
from snakemake_executor_plugin_batchx.spec import (
    SMALL_FILE_BYTES,
    Blob,
    Entry,
    Product,
)
from snakemake_executor_plugin_batchx.storage.fetch import HERE
from snakemake_executor_plugin_batchx.storage.kept_files import Wanted
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.room import FindFree, check_room, find_free_bytes
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.storage.tree import (
    apply_modes,
    apply_times,
    is_within,
    list_entries,
    make_skeleton,
)

PACKET_BODY_BYTES = 16 * 1024 * 1024
"""Small files are packed until their sum reaches this; the rest go as objects of their own."""


@dataclasses.dataclass(frozen=True)
class CachedInputs:
    """The cache of the job's host, and the inputs, by the paths of their entries, kept in it."""

    cache: HostCache
    paths: Sequence[str]

    def has(self, entry: Entry) -> bool:
        """Tell whether an entry is one of them, or within one."""
        return any(is_within(entry.path, path) for path in self.paths)


def place_inputs(
    transfer: Transfer,
    base: Path,
    entries: Sequence[Entry],
    *,
    now_ns: int,
    cached: CachedInputs | None = None,
    find_free: FindFree = find_free_bytes,
) -> None:
    """Fetch a job's inputs to where its Snakemake expects them, or link them from `cached`.

    Raises NoRoomError, before the first is fetched, where the disk has no room for them.
    Times are clamped to the job's own clock: an input from the future would be newer than
    whatever is made from it.
    """
    missing = tuple(entry for entry in entries if not _is_in_place(base, entry, cached))
    make_skeleton(str(base), missing)

    kept = [e for e in missing if cached is not None and e.kind == "file" and cached.has(e)]
    linked = _place_kept(transfer, base, kept, cached.cache) if cached is not None else set()
    here = {e.path for e in kept}
    wanted = [(e.blob, base / e.path) for e in missing if e.blob and e.path not in here]
    _check_room(base, wanted, find_free)
    transfer.fetch_blobs(wanted)
    own = tuple(entry for entry in missing if base / entry.path not in linked)
    apply_modes(str(base), own)
    clamped = tuple(
        dataclasses.replace(entry, mtime_ns=min(entry.mtime_ns, now_ns)) for entry in own
    )
    apply_times(str(base), clamped)


def _check_room(base: Path, wanted: Sequence[tuple[Blob, Path]], find_free: FindFree) -> None:
    """Raise NoRoomError where a disk has no room for the files; absolute paths have their own."""
    needed: dict[Path, int] = {}
    for blob, path in wanted:
        folder = base if path.is_relative_to(base) else path.parent
        needed[folder] = needed.get(folder, 0) + blob.size
    for folder, size in needed.items():
        if size:
            check_room(folder, size, "What the job reads", find_free)


def _place_kept(
    transfer: Transfer, base: Path, entries: Sequence[Entry], cache: HostCache
) -> set[Path]:
    """Put files in place that the host keeps; return the paths that are links into its cache."""
    wanted = {
        Wanted(
            identity=f"sha256:{entry.blob.sha256}",
            size=entry.blob.size,
            mtime_ns=entry.mtime_ns,
            target=base / entry.path,
            mode=entry.mode,
        ): entry.blob
        for entry in entries
        if entry.blob is not None
    }

    def fetch_all(errands: Sequence[tuple[Wanted, Path]]) -> None:
        transfer.fetch_blobs((wanted[each], path) for each, path in errands)

    return cache.provide_all(list(wanted), fetch_all)


def _is_in_place(base: Path, entry: Entry, cached: CachedInputs | None) -> bool:
    """Tell whether an absolute path holds the very file already, as on a host's own volume."""
    if not os.path.isabs(entry.path) or entry.kind == "link":
        return False
    full = base / entry.path
    if entry.kind == "dir":
        return full.is_dir()
    if cached is not None and cached.cache.has_linked(full):
        return False  # a killed job's, which holds no file in the cache any more
    return (
        entry.blob is not None
        and full.is_file()
        and (full.stat().st_size, full.stat().st_mtime_ns) == (entry.blob.size, entry.mtime_ns)
    )


@dataclasses.dataclass(frozen=True)
class Collected:
    """What a job leaves: entries, and the content of those that travel in the packet."""

    entries: tuple[Entry, ...]
    parts: tuple[bytes, ...]


def collect_products(
    transfer: Transfer, base: Path, products: Sequence[Product], root: S3Root
) -> Collected:
    """List the products that are there and send the large ones.

    Small files go into the result packet until it is full; the rest become objects of their own,
    named by their content.
    """
    found: dict[str, Entry] = {}
    for product in products:
        if os.path.lexists(base / product.path):
            found |= {e.path: e for e in list_entries(str(base), product.path)}
    entries, parts = _pack_small_files(base, list(found.values()))

    rest = [entry.path for entry in entries if entry.kind == "file" and entry.blob is None]
    blobs = transfer.send_files([base / path for path in rest], root.get_data_key, may_exist=True)
    sent = dict(zip(rest, blobs, strict=True))
    entries = [dataclasses.replace(e, blob=sent.get(e.path, e.blob)) for e in entries]
    return Collected(tuple(entries), tuple(parts))


def _pack_small_files(base: Path, entries: list[Entry]) -> tuple[list[Entry], list[bytes]]:
    packed: list[Entry] = []
    parts: list[bytes] = []
    offset = 0
    for entry in entries:
        size = (base / entry.path).stat().st_size if entry.kind == "file" else 0
        if entry.kind == "file" and size <= SMALL_FILE_BYTES and offset + size <= PACKET_BODY_BYTES:
            data = (base / entry.path).read_bytes()
            blob = Blob(HERE, offset, len(data), hashlib.sha256(data).hexdigest())
            parts.append(data)
            offset += len(data)
            packed.append(dataclasses.replace(entry, blob=blob))
        else:
            packed.append(entry)
    return packed, parts
