"""Files, directories and links on disk as entries of the wire format, and back."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.spec import Entry


@dataclass(frozen=True)
class _Tree:
    """The top of what is listed: its path as it was given, and where that really is."""

    path: str
    real: str


IsLeftOut = Callable[[str], bool]
"""Tells of a path below `base` whether it, and all below it, is left out."""


def list_entries(base: str, path: str, is_left_out: IsLeftOut = lambda _path: False) -> list[Entry]:
    """Return a path below `base` and all below it as entries without blobs, parents first.

    A link at the top, or one that leaves the tree, is followed: its target would not be there
    on the other side. One that leads nowhere, or to a folder above itself, stays as it is. Raises
    FileNotFoundError where there is nothing, OSError for pipes, sockets and devices: they have no
    content that could travel.
    """
    tree = _Tree(os.path.normpath(path), os.path.realpath(os.path.join(base, path)))
    return list(_iter_entries(base, path, tree, is_left_out, is_top=True))


def _iter_entries(
    base: str, path: str, tree: _Tree, is_left_out: IsLeftOut, *, is_top: bool
) -> Iterator[Entry]:
    full = os.path.join(base, path)
    status = os.lstat(full)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(full)
        is_kept = _has_target_inside(tree, path, full, target) or _is_endless(full)
        if not is_top and is_kept:
            yield Entry(path, "link", 0o777, status.st_mtime_ns, target=target)
            return
        status = os.stat(full)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode):
        yield Entry(path, "file", mode, status.st_mtime_ns)
        return
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EINVAL, "neither a file nor a directory", full)
    yield Entry(path, "dir", mode, status.st_mtime_ns)
    for name in sorted(os.listdir(full)):
        inner = os.path.join(path, name)
        if not is_left_out(inner):
            yield from _iter_entries(base, inner, tree, is_left_out, is_top=False)


def _is_endless(full: str) -> bool:
    """Tell whether to follow a link would lead nowhere, or back to a folder it stands in."""
    real = os.path.realpath(full)
    return not os.path.exists(full) or is_within(os.path.realpath(os.path.dirname(full)), real)


def _has_target_inside(tree: _Tree, path: str, full: str, target: str) -> bool:
    """Tell whether a link leads into the tree here, and by its words alone there too."""
    if os.path.isabs(target):
        return False
    worded = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return is_within(worded, tree.path) and is_within(os.path.realpath(full), tree.real)


def is_within(path: str, top: str) -> bool:
    """Tell whether a path is a folder or below it, by their words."""
    return path == top or path.startswith(top.rstrip(os.sep) + os.sep)


def remove_path(path: str | os.PathLike[str]) -> None:
    """Remove a file, link or whole directory; nothing there is fine."""
    if os.path.isdir(path) and not os.path.islink(path):
        # A protected directory would neither be read nor let its files go.
        os.chmod(path, 0o700)
        for parent, names, _ in os.walk(path):
            for inner in (os.path.join(parent, name) for name in names):
                if not os.path.islink(inner):
                    os.chmod(inner, 0o700)
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


def make_folders(path: Path) -> list[Path]:
    """Make a folder and those above it; return those that were not there."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir()
    return missing[::-1]
