"""Names without files: what a folder held when parsing listed it, as a job sees it.

A Snakefile that lists a folder (`glob_wildcards("data/{sample}.fq")`) must find the same names in
the job, or it is another workflow. A job gets the files that are its inputs; every other name is a
dangling link: listing shows it, reading it fails, as it should for what is no input. The link
leads into a folder of the job's own, so a tool that creates such a file (an index beside a BAM)
can write through it. Sub-folders are folders.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.tree import is_within, make_folders

FOLDERS_NOTE = "folders"
"""Beside the targets of the links: the folders that stand for folders of the head."""


@dataclass(frozen=True)
class Listing:
    """What a folder held: names of files and of folders.

    `folder` is its path: on the head absolute, in the archive relative to the archive's top. One
    that `keeps_path` was listed by its absolute path, which is the job's, too.
    """

    folder: str
    files: tuple[str, ...]
    folders: tuple[str, ...]
    keeps_path: bool = False


def encode_listings(listings: Sequence[Listing]) -> bytes:
    """Return listings as JSON; names that are not UTF-8 survive it as escapes."""
    return json.dumps([asdict(each) for each in listings], separators=(",", ":")).encode("ascii")


def decode_listings(data: bytes) -> list[Listing]:
    """Return the listings that `encode_listings` wrote."""
    return [
        Listing(each["folder"], tuple(each["files"]), tuple(each["folders"]), each["keeps_path"])
        for each in json.loads(data)
    ]


@dataclass(frozen=True)
class Placed:
    """What stands for the head's names: links, and folders, outer ones first."""

    links: tuple[Path, ...]
    folders: tuple[Path, ...]


def place_names(listings: Sequence[Listing], top: Path, absent_dir: Path) -> Placed:
    """Make links and folders for names that are not there; listings' folders are below `top`.

    A folder that keeps its path, outside `top`, is made only where there is none: what the machine
    or the image has is never touched. Where it cannot be made, it is left out. `absent_dir`, which
    takes what is written through the links, is made if there is anything to be placed.
    """
    links: list[Path] = []
    folders: list[Path] = []
    if not listings:
        return Placed((), ())
    absent_dir.mkdir()
    made_outside: set[str] = set()
    for listing in sorted(listings, key=lambda each: each.folder):
        folder = top / listing.folder
        if listing.keeps_path:
            if os.path.lexists(folder) and str(folder) not in made_outside:
                continue
            made_outside |= {str(folder), *(str(folder / name) for name in listing.folders)}
        try:
            for path in (folder, *(folder / name for name in listing.folders)):
                folders += make_folders(path)
            for name in listing.files:
                link = folder / name
                if not os.path.lexists(link):
                    link.symlink_to(absent_dir / str(len(links)))
                    links.append(link)
        except OSError:
            if not listing.keeps_path:
                raise
    return Placed(tuple(links), tuple(folders))


def note_folders(folders: Iterable[Path], absent_dir: Path) -> None:
    """Remember, for `remove_names`, which folders only stand for the head's."""
    if absent_dir.is_dir():
        text = "\0".join(map(str, folders))
        (absent_dir / FOLDERS_NOTE).write_bytes(os.fsencode(text))


def remove_names(paths: Sequence[str], absent_dir: Path) -> None:
    """Remove the links and empty folders of ours at `paths` and below them; no file is lost.

    A rule's own outputs must not be in its way, and a directory that it gets as input or leaves
    as output must hold nothing but what belongs there.
    """
    if not paths or not absent_dir.is_dir():
        return
    noted = (absent_dir / FOLDERS_NOTE).read_bytes()
    made = [os.fsdecode(each) for each in noted.split(b"\0") if each]
    for path in paths:
        full = os.path.abspath(path)
        _unlink_if_ours(full, absent_dir)
        if not os.path.isdir(full) or os.path.islink(full):
            continue
        for parent, _folders, files in os.walk(full):
            for name in files:
                _unlink_if_ours(os.path.join(parent, name), absent_dir)
        for folder in reversed(made):
            if is_within(folder, full):
                with contextlib.suppress(OSError):  # not empty, or gone
                    os.rmdir(folder)


def _unlink_if_ours(path: str, absent_dir: Path) -> None:
    if os.path.islink(path) and os.path.dirname(os.readlink(path)) == str(absent_dir):
        os.unlink(path)


def remove_placed(placed: Placed, top: Path) -> None:
    """Remove what `place_names` made outside `top`, as far as nothing else came into it."""
    for link in placed.links:
        if top not in link.parents and link.is_symlink():
            link.unlink()
    for folder in reversed(placed.folders):
        if top not in folder.parents and folder != top and folder.is_dir():
            with contextlib.suppress(OSError):  # something else came into it
                folder.rmdir()
