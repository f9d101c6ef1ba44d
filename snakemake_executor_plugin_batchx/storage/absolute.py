"""Files outside the project that parsing read by their absolute path, such as a sample sheet.

They stand at the same path in the job. What the machine or the image has there is never touched,
and what was placed goes when the job ends: with the process runner this is the user's machine.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


@contextlib.contextmanager
def place_absolute(folder: Path, root: Path = ROOT) -> Iterator[list[Path]]:
    """Copy the tree in `folder` to `root`, where nothing stands; yield the files made.

    Where a place cannot be written the file is left out: whoever reads it will say so.
    """
    files: list[Path] = []
    folders: list[Path] = []
    try:
        for parent, _, names in os.walk(folder):
            target = root / Path(parent).relative_to(folder)
            for name in sorted(names):
                with contextlib.suppress(OSError):
                    folders += _make_folders(target)
                    _copy_if_absent(Path(parent, name), target / name)
                    files.append(target / name)
        yield files
    finally:
        for path in files:
            path.unlink(missing_ok=True)
        for path in reversed(folders):
            with contextlib.suppress(OSError):  # something else came into it
                path.rmdir()


def _make_folders(path: Path) -> list[Path]:
    """Make a folder and those above it; return those that were not there."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir()
    return missing[::-1]


def _copy_if_absent(source: Path, target: Path) -> None:
    """Copy a file with its mode and time; raises FileExistsError where something stands."""
    with source.open("rb") as file, target.open("xb") as copy:
        shutil.copyfileobj(file, copy)
    shutil.copystat(source, target)
