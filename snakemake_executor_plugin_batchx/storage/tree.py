"""Files, directories and links on disk as entries of the wire format, and back."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from snakemake_executor_plugin_batchx.spec import Entry


def list_entries(base: str, path: str) -> list[Entry]:
    """Return a path below `base` and all below it as entries without blobs, parents first.

    A link at the top, or one that leaves the tree, is followed: its target would not be there
    on the other side. Raises FileNotFoundError where there is nothing.
    """
    top = os.path.realpath(os.path.join(base, path))
    return list(_iter_entries(base, path, top, is_top=True))


def _iter_entries(base: str, path: str, top: str, *, is_top: bool) -> Iterator[Entry]:
    full = os.path.join(base, path)
    status = os.lstat(full)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(full)
        is_inside = os.path.realpath(full).startswith(top + os.sep)
        if not is_top and is_inside and not os.path.isabs(target):
            yield Entry(path, "link", 0o777, status.st_mtime_ns, target=target)
            return
        status = os.stat(full)
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode):
        yield Entry(path, "file", mode, status.st_mtime_ns)
        return
    yield Entry(path, "dir", mode, status.st_mtime_ns)
    for name in sorted(os.listdir(full)):
        yield from _iter_entries(base, os.path.join(path, name), top, is_top=False)


def remove_path(path: str | os.PathLike[str]) -> None:
    """Remove a file, link or whole directory; nothing there is fine."""
    if os.path.isdir(path) and not os.path.islink(path):
        for parent, _, _ in os.walk(path):
            os.chmod(parent, 0o700)  # a protected directory would not let its files go
        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)


def make_skeleton(base: str, entries: tuple[Entry, ...]) -> None:
    """Make the directories and links among entries; modes and times come later.

    Existing directories stay, with what is in them; a file or link in the way is replaced.
    """
    for entry in entries:
        full = os.path.join(base, entry.path)
        if entry.kind == "dir":
            if os.path.islink(full) or (os.path.lexists(full) and not os.path.isdir(full)):
                os.unlink(full)
            os.makedirs(full, exist_ok=True)
        elif entry.kind == "link" and entry.target is not None:
            os.makedirs(os.path.dirname(full) or ".", exist_ok=True)
            remove_path(full)
            os.symlink(entry.target, full)


def apply_modes(base: str, entries: tuple[Entry, ...]) -> None:
    """Give files and directories their permission bits, the innermost first."""
    for entry in reversed(entries):
        if entry.kind != "link":
            os.chmod(os.path.join(base, entry.path), entry.mode)


def apply_times(base: str, entries: tuple[Entry, ...], time_ns: int | None = None) -> None:
    """Give all entries their modification time, or all of them the one given (nanoseconds).

    Directories last, from the inside out: making a file changes its directory's time.
    """
    for entry in reversed(entries):
        when = entry.mtime_ns if time_ns is None else time_ns
        os.utime(os.path.join(base, entry.path), ns=(when, when), follow_symlinks=False)
