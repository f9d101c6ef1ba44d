"""The files that are moved: random content, so many of one size, and whether they arrived."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 1024, 1024**2, 1024**3
CHUNK_BYTES = MIB
"""The caller's memory counts into that of the processes it starts (child_process.Figures)."""
PER_FOLDER = 100


@dataclass(frozen=True)
class FileSet:
    """So many files of one size (bytes)."""

    name: str
    count: int
    size: int

    def __str__(self) -> str:
        for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
            if self.size >= unit:
                return f"{self.count} × {self.size // unit} {name}"
        return f"{self.count} × {self.size} bytes"

    @property
    def total_bytes(self) -> int:
        """The size of all files together."""
        return self.count * self.size


SETS = {
    each.name: each
    for each in (
        FileSet("small", 1000, 64 * KIB),
        FileSet("middle", 100, 8 * MIB),
        FileSet("large", 4, GIB),
    )
}
FEW = FileSet("few", 100, 64 * KIB)
"""The first files of the small set, for who moves one at a time."""

QUICK_SETS = {
    each.name: each
    for each in (
        FileSet("small", 50, 64 * KIB),
        FileSet("middle", 5, 8 * MIB),
        FileSet("large", 2, 64 * MIB),
    )
}
QUICK_FEW = FileSet("few", 10, 64 * KIB)


def name_files(count: int) -> list[str]:
    """Return the names of a set's files, a folder a hundred."""
    return [f"{number // PER_FOLDER:02}/{number:04}.bin" for number in range(count)]


def make_files(files: FileSet, folder: Path) -> None:
    """Fill a folder with a set's files."""
    for name in name_files(files.count):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            left = files.size
            while left:
                left -= file.write(os.urandom(min(left, CHUNK_BYTES)))


def link_files(files: FileSet, source: Path, target: Path) -> None:
    """Let the first files of a folder be in another as well, without their bytes twice."""
    for name in name_files(files.count):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(source / name, target / name)


def check_arrived(files: FileSet, source: Path, target: Path) -> None:
    """Raise RuntimeError unless a folder holds a set's files, byte for byte, and nothing else."""
    found = sorted(
        path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()
    )
    if found != sorted(name_files(files.count)):
        raise RuntimeError(f"{target}: {len(found)} files are there, {files.count} were sent")
    for name in found:
        if not _has_same_content(source / name, target / name):
            raise RuntimeError(f"{target / name} is not what was sent")


def _has_same_content(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb", buffering=0) as left, other.open("rb", buffering=0) as right:
        while chunk := left.read(CHUNK_BYTES):
            if chunk != right.read(CHUNK_BYTES):
                return False
    return True


def find_free_memory() -> int:
    """Return how many bytes the machine can still give away (proc(5), MemAvailable)."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found.group(1)) * KIB if found else 0
