"""Files outside the project that parsing read by their absolute path, such as a sample sheet.

They stand at the same path in the job. What the machine or the image has there is never touched,
and what was placed goes when the job ends: with the process runner this is the user's machine.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.temporary import make_temporary
from snakemake_executor_plugin_batchx.storage.tree import make_folders

ROOT = Path("/")


@contextlib.contextmanager
def place_absolute(folder: Path, root: Path = ROOT) -> Iterator[list[Path]]:
    """Copy the tree in `folder` to `root`, where nothing stands; yield the files made.

    Where a place cannot be written the file is left out: whoever reads it will say so.
    """
    with contextlib.ExitStack() as stack:
        files = []
        for parent, _, names in os.walk(folder):
            target = root / Path(parent).relative_to(folder)
            for name in sorted(names):
                with contextlib.suppress(OSError):
                    for made in make_folders(target):
                        stack.callback(_remove_if_empty, made)
                    placed = _link_if_absent(Path(parent, name), target / name)
                    stack.callback(_remove_if_same, target / name, placed)
                    files.append(target / name)
        yield files


def _link_if_absent(source: Path, target: Path) -> os.stat_result:
    """Copy a file with its mode and time; raises FileExistsError where something stands.

    Whole or not at all: jobs of one host may share the folder.
    """
    with make_temporary(target) as temporary:
        shutil.copy2(source, temporary)
        os.link(temporary, target)
        return target.stat()


def _remove_if_same(path: Path, placed: os.stat_result) -> None:
    """Remove a file unless somebody has written to it or replaced it."""
    with contextlib.suppress(OSError):
        status = path.stat()
        if (status.st_ino, status.st_mtime_ns) == (placed.st_ino, placed.st_mtime_ns):
            path.unlink()


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):  # something else came into it
        path.rmdir()
