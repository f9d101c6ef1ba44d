"""The packages that a workflow imports, as one archive: packed on the head, unpacked in a job."""

import importlib
import importlib.util
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.tarball import add_file, create_tarball

GZIP_LEVEL = 4
"""Packages are large, packed once, and read once a job: quick counts."""


def pack_packages(files: Iterable[tuple[str, str]], path: Path) -> None:
    """Write a tar.gz of files, given as (name, path on this machine), to `path`.

    Raises OSError where a file cannot be read.
    """
    with create_tarball(path, GZIP_LEVEL) as archive:
        for name, source in files:
            add_file(archive, source, name)


def is_importable(module: str) -> bool:
    """Tell whether this interpreter finds a top-level module."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # it is loaded, by some other way than a search
        return True


def add_packages(path: Path, folder: Path) -> None:
    """Unpack an archive of packages into `folder` and let this process import from there.

    Last of all: what the interpreter has itself goes on being found first.
    """
    folder.mkdir()
    with tarfile.open(path, mode="r:gz") as archive:
        archive.extractall(folder, filter="tar")
    sys.path.append(str(folder))
    importlib.invalidate_caches()
