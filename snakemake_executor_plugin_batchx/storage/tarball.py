"""Writing tar.gz archives whose bytes depend on nothing but what is in them."""

import contextlib
import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def create_tarball(path: Path, level: int) -> Iterator[tarfile.TarFile]:
    """Write a tar.gz to `path`, compressed at a gzip level, without a name or time of its own."""
    with (
        open(path, "wb") as target,
        gzip.GzipFile(
            fileobj=target, mode="wb", compresslevel=level, mtime=0, filename=""
        ) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive


def add_file(archive: tarfile.TarFile, path: str, name: str) -> None:
    """Add a file's content, mode and time (seconds); links are followed, owners left out."""
    with open(path, "rb") as file:
        info = archive.gettarinfo(name=path, arcname=name, fileobj=file)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = int(info.mtime)
        archive.addfile(info, file)
