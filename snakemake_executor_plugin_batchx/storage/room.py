"""Whether a disk has room for what is to come, told before the first byte of it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.words import format_size

FindFree = Callable[[str], int]
"""Returns how many bytes are free on the disk of a folder."""

FULL_BYTES = 1024 * 1024
"""A disk with less is full: what a tool wanted to write last did not fit."""

MeasureDisk = Callable[[str], Any]
"""Returns what os.statvfs tells of the disk of a folder."""


class NoRoomError(BatchxError):
    """A disk is too small."""


def find_free_bytes(folder: str) -> int:
    """Return how many bytes are free on the disk of a folder, which may still have to be made."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder.rstrip(os.sep)) or os.curdir
    return shutil.disk_usage(folder).free


def check_room(
    folder: Path, needed_bytes: int, what: str, find_free: FindFree = find_free_bytes
) -> None:
    """Raise NoRoomError where `what` needs more than is free on the disk of a folder."""
    free = find_free(str(folder))
    if needed_bytes > free:
        raise NoRoomError(
            f"{what} needs {format_size(needed_bytes)}, the disk of {folder} has "
            f"{format_size(free)}: take a larger disk, or a folder on another volume (of jobs, "
            "--batchx-scratch)."
        )


def find_full_disk(folder: str, measure: MeasureDisk = os.statvfs) -> str | None:
    """Return a clause on how full the disk of a folder is if it is full, else None.

    What is reserved for the superuser is free for jobs that run as such.
    """
    disk = measure(folder)
    blocks = disk.f_bavail if os.geteuid() else disk.f_bfree
    free_bytes = blocks * disk.f_frsize
    if free_bytes >= FULL_BYTES:
        return None
    free, total = format_size(free_bytes), format_size(disk.f_blocks * disk.f_frsize)
    return f"no space left on device: {free} of {total} are free"
