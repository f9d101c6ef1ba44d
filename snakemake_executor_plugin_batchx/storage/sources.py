"""The source archive: what a job needs to parse the workflow again, packed and unpacked."""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PADDING = "_"
"""Stands for a directory of the head above the sources, whose name is nobody's business."""


@dataclass(frozen=True)
class SourceArchive:
    """A tar.gz of source files below their common directory, and how it lies on the head.

    `depth` is how many directories stand above the common one; `start_dir` and `work_dir` are
    relative to it. Unpacked below as many padding directories, every relative path that works on
    the head, `../../shared` too, works in the job.
    """

    data: bytes
    sha256: str
    depth: int
    start_dir: str
    work_dir: str


def pack_sources(files: Sequence[str], start_dir: str, work_dir: str) -> SourceArchive:
    """Pack files (absolute paths) below the common ancestor of them and the two directories.

    The same files give the same bytes: sorted, no owner, no time of packing.
    """
    folders = [os.path.dirname(path) for path in files]
    top = os.path.commonpath([start_dir, work_dir, *folders])
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(files):
            _add_file(archive, path, os.path.relpath(path, top))
    data = buffer.getvalue()
    return SourceArchive(
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        depth=len(PurePosixPath(top).parts) - 1,
        start_dir=os.path.relpath(start_dir, top),
        work_dir=os.path.relpath(work_dir, top),
    )


def _add_file(archive: tarfile.TarFile, path: str, name: str) -> None:
    with open(path, "rb") as file:
        info = archive.gettarinfo(name=path, arcname=name, fileobj=file)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = int(info.mtime)
        archive.addfile(info, file)


def unpack_sources(data: bytes, scratch: Path, depth: int) -> Path:
    """Unpack an archive `depth` directories below `scratch`; return where its top is."""
    top = scratch.joinpath("w", *[PADDING] * depth)
    top.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        archive.extractall(top, filter="tar")
    return top
