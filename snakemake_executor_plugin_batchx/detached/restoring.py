"""Entries of a folder put in place, here or there."""

import os
from collections.abc import Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.spec import Blob, Entry
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.storage.tree import apply_modes, apply_times, make_skeleton


def place_entries(top: str, entries: Sequence[Entry], transfer: Transfer, mirror: Mirror) -> None:
    """Put entries in place below `top`, with modes and times, and note where their content is.

    Raises StorageError where S3 refuses, OSError where the disk does.
    """
    os.makedirs(top, exist_ok=True)
    make_skeleton(top, tuple(entries))
    blobs = [(each.blob, each.path) for each in entries if each.blob is not None]
    for _, path in blobs:
        os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
    transfer.fetch_blobs(_locate(top, blobs))
    apply_modes(top, tuple(entries))
    apply_times(top, tuple(entries))
    for blob, path in blobs:
        full = os.path.realpath(os.path.join(top, path))
        mirror.note_blob(full, os.stat(full).st_mtime_ns, blob)


def _locate(
    top: str, blobs: Sequence[tuple[Blob, str]]
) -> list[tuple[Blob, str | os.PathLike[str]]]:
    return [(blob, Path(top, path)) for blob, path in blobs]
