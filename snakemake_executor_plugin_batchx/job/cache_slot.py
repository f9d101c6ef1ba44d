"""One file in a host's cache: its folder, its lock, and whether it is still what it was.

    <slot>/lock                     held shared by jobs that use the file, else by who changes it
    <slot>/part-<size>/<name>       on its way; a killed job leaves it behind
    <slot>/file-<state>/<name>      whole; the state is its modification time, and the host's boot

Folders are open to every user, because the images of a host's jobs have several. After a crash of
the host a file's end may be missing or zeros, so what came before the last boot does not count.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError

LOCK = "lock"
PART = "part-"
FILE = "file-"

READABLE = 0o444

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html"""

BLOCK_BYTES = 512
"""The unit of st_blocks (https://man7.org/linux/man-pages/man3/stat.3type.html)."""

Progress = tuple[tuple[str, int, int, int], ...]


def read_boot() -> str:
    """Return what tells one run of the host from another; the same for all where it is unknown."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip().replace("-", "")[:12]
    except OSError:
        return "any"


class Lock:
    """A lock that is held: until `release`, or until this process and its forks have ended."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def note_use(self) -> None:
        """Note that the file is used now: those unused for longest go first."""
        with contextlib.suppress(OSError):  # another user's, and not to be written
            os.utime(self._handle)

    def release(self) -> None:
        """Let go of it. Once only."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)  # closing alone would leave it to a forked process
        os.close(self._handle)


def take_lock(path: Path, *, is_shared: bool) -> Lock | None:
    """Return a lock on the file `path`, which is made; None where another job holds it.

    Raises FileNotFoundError where its folder is gone, OSError where it cannot be used.
    """
    while True:
        handle = _open_lock(path)
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            # Its slot may have been removed since it was opened, and made again by another job.
            if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                return Lock(handle)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, BlockingIOError):
                return None
            raise
        os.close(handle)


def _open_lock(path: Path) -> int:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, flags | os.O_RDONLY)
    if os.fstat(handle).st_uid == os.geteuid():
        os.fchmod(handle, 0o666)
    return handle


def make_open_folder(path: Path) -> None:
    """Make a folder that every user may change, unless it is there; whole from the first moment."""
    if path.is_dir():
        return
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}-{threading.get_ident()}")
    temporary.mkdir()
    temporary.chmod(0o777)
    try:
        temporary.rename(path)
    except OSError as error:
        temporary.rmdir()
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:  # another job was faster
            raise


@dataclass(frozen=True)
class SlotUse:
    """What a slot takes of the disk: `size` bytes in the end, of which `missing` are to come."""

    slot: "Slot"
    size: int
    missing: int
    last_used: float
    has_file: bool


class Slot:
    """The place of one file. Whoever changes anything in it holds its lock, not shared."""

    def __init__(self, folder: Path, boot: str) -> None:
        self.folder = folder
        self._boot = boot

    def lock(self, *, is_shared: bool) -> Lock | None:
        """Return the slot's lock, None where another job holds it. The slot is made if missing."""
        while True:
            make_open_folder(self.folder)
            with contextlib.suppress(FileNotFoundError):  # removed since
                return take_lock(self.folder / LOCK, is_shared=is_shared)

    def has_file(self) -> bool:
        """Tell whether a file has come, whatever became of it."""
        return bool(self._list(FILE))

    def find_file(self, name: str, size: int) -> Path | None:
        """Return the file if it is as it came: size, time and nothing beside it."""
        for folder in self._list(FILE):
            with contextlib.suppress(OSError):
                status = os.lstat(folder / name)
                is_same = (
                    stat.S_ISREG(status.st_mode)
                    and status.st_size == size
                    and folder.name == self._name_state(status.st_mtime_ns)
                    and os.listdir(folder) == [name]
                )
                if is_same:
                    return folder / name
        return None

    def begin(self, size: int) -> Path:
        """Return an empty folder for a file on its way, which counts as `size` bytes from now."""
        part = self.folder / f"{PART}{size}"
        make_open_folder(part)
        return part

    def publish(self, part: Path, name: str, *, mtime_ns: int, mode: int) -> None:
        """Let the file in `part`, which is whole, be found by other jobs.

        Raises BatchxError where it has not the size that was told beforehand.
        """
        size = (part / name).stat().st_size
        if part.name != f"{PART}{size}":
            wanted = part.name.removeprefix(PART)
            raise BatchxError(f"{name} arrived with {size} bytes instead of {wanted}.")
        (part / name).chmod(mode | READABLE)
        os.utime(part / name, ns=(mtime_ns, mtime_ns))
        kept_ns = (part / name).stat().st_mtime_ns  # as exact as the disk can
        part.rename(self.folder / self._name_state(kept_ns))

    def clear(self) -> None:
        """Remove all but the lock. Raises OSError."""
        for folder in (*self._list(PART), *self._list(FILE)):
            shutil.rmtree(folder)

    def remove(self) -> None:
        """Remove the slot, its lock last: whoever makes a new one begins anew. Raises OSError."""
        self.clear()
        (self.folder / LOCK).unlink()
        with contextlib.suppress(OSError):  # another job has come
            self.folder.rmdir()

    def end_work(self, lock: Lock) -> None:
        """Let go of a slot that was not shared; nothing of it stays if no file has come."""
        try:
            if not self.has_file():
                self.remove()
        except OSError:
            pass  # what is left goes when a job needs room
        finally:
            lock.release()

    def read_progress(self) -> Progress:
        """Return what changes while a file is on its way."""
        found = []
        for part in self._list(PART):
            for path, status in _iter_files(part):
                found.append((path, status.st_size, status.st_blocks, status.st_mtime_ns))
        return tuple(sorted(found))

    def measure(self) -> SlotUse:
        """Return what the slot takes. Raises OSError where it is gone."""
        size = missing = 0
        files = self._list(FILE)
        for folder in files:
            size += sum(status.st_size for _, status in _iter_files(folder))
        for part in self._list(PART):
            owed = int(part.name.removeprefix(PART))
            written = sum(status.st_blocks * BLOCK_BYTES for _, status in _iter_files(part))
            size += owed
            missing += max(0, owed - written)
        last_used = os.stat(self.folder / LOCK).st_mtime
        return SlotUse(self, size, missing, last_used, bool(files))

    def _name_state(self, mtime_ns: int) -> str:
        return f"{FILE}{self._boot}-{mtime_ns}"

    def _list(self, prefix: str) -> list[Path]:
        try:
            return [self.folder / n for n in os.listdir(self.folder) if n.startswith(prefix)]
        except FileNotFoundError:
            return []


def _iter_files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Return the files below a folder that are still there when they are looked at."""
    found = []
    for parent, _, names in os.walk(folder):
        for path in (os.path.join(parent, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                found.append((path, os.lstat(path)))
    return found
