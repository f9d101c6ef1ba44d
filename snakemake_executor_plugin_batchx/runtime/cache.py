"""Where built runtimes are kept, and how two processes share that place."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

KEPT = 3
"""Entries of a kind that stay however old they are."""

UNUSED_SECONDS = 7 * 24 * 3600.0
"""After this time without use an older entry goes: no run is that far behind with its images."""

ABANDONED_SECONDS = 24 * 3600.0
"""What a process that died left half-made goes after this time."""

PART = ".part-"


def find_cache_dir(environment: Mapping[str, str]) -> Path:
    """Return batchx's folder for what can be made again.

    https://specifications.freedesktop.org/basedir-spec/
    """
    home = Path(environment.get("HOME") or Path.home())
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "batchx"


@contextlib.contextmanager
def lock_folder(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time work in a folder; `on_wait` is called if another one does.

    Where the file system knows no locks, nobody waits: entries are put in place whole all the same.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass
        yield


@contextlib.contextmanager
def open_entry(entry: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `entry` when the body ends well.

    Nobody sees half an entry. An entry that is there already is replaced; who has it open keeps it
    for a while.
    """
    part = Path(tempfile.mkdtemp(prefix=f"{entry.name}{PART}", dir=entry.parent))
    try:
        part.chmod(0o755)
        yield part
        set_aside(entry)
        try:
            part.rename(entry)
        except OSError:
            if not entry.is_dir():  # else another process was faster, and made the same
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def set_aside(entry: Path) -> Path | None:
    """Take an entry out of everyone's sight; it goes from the disk after ABANDONED_SECONDS.

    Returns where it is now, None if there was none.
    """
    if not entry.is_dir():
        return None
    aside = Path(tempfile.mkdtemp(prefix=f"{entry.name}{PART}", dir=entry.parent))
    try:
        entry.rename(aside / "gone")
    except FileNotFoundError:
        aside.rmdir()
        return None
    return aside


def note_use(entry: Path) -> None:
    """Note that an entry is in use; a cache that cannot be written is used as it is."""
    with contextlib.suppress(OSError):
        os.utime(entry)


def remove_old(folder: Path, kind: str, now: float | None = None) -> None:
    """Remove entries of a kind (how their names begin) that were not used for long."""
    now = time.time() if now is None else now
    ages = {}
    for path in folder.glob(f"{kind}-*"):
        with contextlib.suppress(FileNotFoundError):
            ages[path] = now - path.stat().st_mtime
    parts = {path for path in ages if PART in path.name}
    for path in parts:
        if ages[path] > ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    whole = sorted(ages.keys() - parts, key=lambda path: ages[path])
    for path in whole[KEPT:]:
        if ages[path] > UNUSED_SECONDS and (aside := set_aside(path)):
            shutil.rmtree(aside, ignore_errors=True)
