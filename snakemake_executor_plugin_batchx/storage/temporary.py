"""Files that stand under their name only when they are whole."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

TEMPORARY_SUFFIX = ".batchx-part"

_count = itertools.count()


def name_temporary(target: str) -> str:
    """Return a name beside `target` that nobody else uses."""
    folder, name = os.path.split(target)
    unique = f".{os.getpid()}-{next(_count)}{TEMPORARY_SUFFIX}"
    return os.path.join(folder, f".{name[:40]}{unique}")


@contextlib.contextmanager
def make_temporary(target: Path) -> Iterator[Path]:
    """Yield a name beside `target` that nobody else uses; nothing is left of it afterwards."""
    temporary = Path(name_temporary(os.fspath(target)))
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def open_new(path: str) -> FileIO:
    """Open a new file for writing, in a folder that is made if it has to be."""
    try:
        return FileIO(path, "w")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return FileIO(path, "w")


def write_whole(
    target: str, data: bytes | memoryview, *, mode: int | None = None, time_ns: int | None = None
) -> int:
    """Write a file whole or not at all, with its permission bits and time if they are given.

    Returns the modification time that the disk keeps. Few calls of the system, for small files by
    the thousand.
    """
    temporary = name_temporary(target)
    try:
        with open_new(temporary) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            if time_ns is not None:
                os.utime(file.fileno(), ns=(time_ns, time_ns))
            kept_ns = os.fstat(file.fileno()).st_mtime_ns
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return kept_ns
