"""What a detached run has made, brought home: new and changed files, Snakemake's records."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from snakemake_executor_plugin_batchx.detached.folder import decode_entries
from snakemake_executor_plugin_batchx.detached.journals import recover_state
from snakemake_executor_plugin_batchx.detached.order import Order, Place
from snakemake_executor_plugin_batchx.detached.record import read_history
from snakemake_executor_plugin_batchx.detached.restoring import place_entries
from snakemake_executor_plugin_batchx.detached.state import (
    INCOMPLETE,
    place_files,
    place_records,
)
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.spec import Entry
from snakemake_executor_plugin_batchx.storage.checksums import compute_sha256
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.transfer import Transfer


@dataclass(frozen=True)
class Homecoming:
    """What is to be placed here, and paths that stay because they were changed here meanwhile."""

    placed: tuple[Entry, ...]
    kept: tuple[str, ...]


def plan_homecoming(
    sent: Sequence[Entry], made: Sequence[Entry], is_untouched: "Untouched"
) -> Homecoming:
    """Plan what comes home: what the run has made or changed of what was sent.

    `is_untouched` tells of a file whether what is here is what was sent (None: nothing was).
    """
    before = {entry.path: entry for entry in sent}
    placed, kept = [], []
    for entry in made:
        old = before.get(entry.path)
        if old is not None and is_same(old, entry):
            continue
        if entry.kind == "dir" or is_untouched(entry, old):
            placed.append(entry)
        else:
            kept.append(entry.path)
    return Homecoming(tuple(placed), tuple(kept))


def is_same(old: Entry, new: Entry) -> bool:
    """Tell whether the run left an entry as it was sent; of a folder, whether it is one."""
    if new.kind == "dir":
        return old.kind == "dir"
    return replace(old, blob=None) == replace(new, blob=None) and _hash(old) == _hash(new)


def _hash(entry: Entry) -> str:
    return entry.blob.sha256 if entry.blob else ""


class Untouched:
    """Tells what is here of what was sent from a folder."""

    def __init__(self, top: str) -> None:
        self._top = top

    def __call__(self, entry: Entry, old: Entry | None) -> bool:
        """Tell whether nothing would be lost here if an entry were placed."""
        full = os.path.join(self._top, entry.path)
        if not os.path.lexists(full):
            return True
        if entry.kind == "link":
            return os.path.islink(full) and os.readlink(full) in {
                entry.target,
                old.target if old else None,
            }
        if not os.path.isfile(full) or entry.blob is None:
            return False
        status = os.stat(full)
        if old is not None and old.blob is not None:
            state = (status.st_size, status.st_mtime_ns)
            if state == (old.blob.size, old.mtime_ns):
                return True
        same_size = status.st_size == entry.blob.size
        return same_size and compute_sha256(Path(full)) == entry.blob.sha256


def bring_home(store: S3Gateway, root: S3Root, order: Order, place: Place, top: str) -> Homecoming:
    """Place what a run has made below `top`, the folder that was sent; return what was placed.

    Raises StorageError where S3 refuses, BatchxError where the run has left nothing.
    """
    sent = decode_entries(store.read_bytes(place.folder_key))
    state = recover_state(read_history(store, place.record_prefix))
    planned = plan_homecoming(sent, state.entries, Untouched(top))
    work_dir = Path(top, order.work_dir)
    root_url = root.make_url(root.prefix)
    with ExitStack() as stack:
        mirror = stack.enter_context(
            Mirror(work_dir / STATE_DIR / "mirror.sqlite", root_url, order.detached_id)
        )
        transfer = stack.enter_context(Transfer(store))
        place_entries(top, planned.placed, transfer, mirror)
    # What has been made here meanwhile has its records here alone.
    place_records(work_dir / ".snakemake", state.records, (INCOMPLETE,))
    place_files(work_dir / STATE_DIR, state.journals)
    return planned


def iter_kept_lines(planned: Homecoming) -> Iterator[str]:
    """Yield a sentence for each file that stays as it is here."""
    for path in planned.kept:
        yield f"{path} was changed here since the run began: it stays, and the run's is not fetched"
