"""The source archive: what a job needs to parse the workflow again, packed and unpacked."""

import dataclasses
import io
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from snakemake_executor_plugin_batchx.storage.absent import (
    Listing,
    decode_listings,
    encode_listings,
)
from snakemake_executor_plugin_batchx.storage.checksums import compute_sha256
from snakemake_executor_plugin_batchx.storage.tarball import add_file, create_tarball

PADDING = "_"
"""Stands for a directory of the head above the sources, whose name is nobody's business."""

LISTINGS = ".batchx-listings.json"
"""The archive's member that holds names; it is read, not unpacked."""

CACHE = ".batchx-cache"
"""The archive's folder of sources that Snakemake had fetched from elsewhere."""

ABSOLUTE = ".batchx-absolute"
"""The archive's folder of files that keep their absolute path in the job."""

RUNTIME_PART = "runtime"
"""Below the cache: what Snakemake keeps for one run (`--runtime-source-cache-path`)."""

HOME_PART = "home"
"""Below the cache: what stands for the user's cache folder."""

LASTING_PART = f"{HOME_PART}/snakemake/snakemake/source-cache"
"""Below the cache: what Snakemake keeps for good, files of a tag or commit, which never change."""

GZIP_LEVEL = 6


@dataclass(frozen=True)
class SourceArchive:
    """A tar.gz of source files below their common directory, and how it lies on the head.

    `path` is where it was packed, `size` its bytes. `depth` is how many directories stand above
    the common one; `start_dir` and `work_dir` are relative to it. Unpacked below as many padding
    directories, every relative path that works on the head, `../../shared` too, works in the job.
    """

    path: Path
    size: int
    sha256: str
    depth: int
    start_dir: str
    work_dir: str


def pack_sources(
    files: Sequence[str],
    start_dir: str,
    work_dir: str,
    path: Path,
    listings: Sequence[Listing] = (),
    fetched: Sequence[tuple[str, str]] = (),
    outside: Sequence[str] = (),
) -> SourceArchive:
    """Pack files (absolute paths) below the common ancestor of them and the two directories.

    The archive is written to `path`. `fetched` are sources from elsewhere: the name that each
    gets in the job's source cache, and where it is here; files `outside` keep their absolute path.
    The same files and names give the same
    bytes: sorted, no owner, no time of packing. Raises OSError where a file cannot be read.
    """
    folders = [os.path.dirname(file) for file in files]
    folders += [each.folder for each in listings if not each.keeps_path]
    top = os.path.commonpath([start_dir, work_dir, *folders])
    with create_tarball(path, GZIP_LEVEL) as archive:
        for file in sorted(files):
            add_file(archive, file, os.path.relpath(file, top))
        for name, file in fetched:
            add_file(archive, file, f"{CACHE}/{name}")
        for file in outside:
            add_file(archive, file, ABSOLUTE + file)
        if listings:
            _add_listings(archive, [_name_below(top, listing) for listing in listings])
    return SourceArchive(
        path=path,
        size=path.stat().st_size,
        sha256=compute_sha256(path),
        depth=len(PurePosixPath(top).parts) - 1,
        start_dir=os.path.relpath(start_dir, top),
        work_dir=os.path.relpath(work_dir, top),
    )


def _name_below(top: str, listing: Listing) -> Listing:
    if listing.keeps_path:
        return listing
    return dataclasses.replace(listing, folder=os.path.relpath(listing.folder, top))


def _add_listings(archive: tarfile.TarFile, listings: Sequence[Listing]) -> None:
    data = encode_listings(listings)
    info = tarfile.TarInfo(LISTINGS)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


@dataclass(frozen=True)
class Unpacked:
    """Where the top of an archive is, the listings it brought, and its two folders.

    `cache` holds sources from elsewhere, `absolute` files that keep their absolute path.
    """

    top: Path
    listings: tuple[Listing, ...]
    cache: Path | None
    absolute: Path | None


def unpack_sources(path: Path, scratch: Path, depth: int) -> Unpacked:
    """Unpack an archive `depth` directories below `scratch`."""
    top = scratch.joinpath("w", *[PADDING] * depth)
    top.mkdir(parents=True)
    with tarfile.open(path, mode="r:gz") as archive:
        archive.extractall(top, filter="tar")
    note = top / LISTINGS
    listings = tuple(decode_listings(note.read_bytes())) if note.exists() else ()
    note.unlink(missing_ok=True)
    cache, absolute = (
        (top / name).rename(scratch / name) if (top / name).exists() else None
        for name in (CACHE, ABSOLUTE)
    )
    return Unpacked(top, listings, cache, absolute)
