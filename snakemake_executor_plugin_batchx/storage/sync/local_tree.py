"""A folder's files in the order in which S3 lists keys, links followed."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.words import show_name

LINK_PROBLEMS = {
    errno.ENOENT: "is a link that leads nowhere",
    errno.ENOTDIR: "is a link that leads nowhere",
    errno.ELOOP: "is a link that leads in a circle",
}

SPECIAL_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or a folder (`name/`) and whether it is empty."""

    name: str
    is_empty: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")


class LocalTree:
    """What is below a folder, `top` (with its slash), as far as the filters take it.

    A strict one raises BatchxError, one sentence, at what cannot be sent: links that lead nowhere
    or in a circle, pipes, sockets and devices. Others pass over them.
    """

    def __init__(self, top: str, filters: Filters, *, is_strict: bool) -> None:
        self._top = top
        self._filters = filters
        self._is_strict = is_strict

    def iter_names(self) -> Iterator[str]:
        """Yield the names of files and empty folders, which is quicker than with their sizes."""
        return (each.name for each in self.iter_found() if each.is_empty or not each.is_folder)

    def iter_found(self) -> Iterator[Found]:
        """Yield files and folders in S3's order; keeps the names of the folders on the way."""
        names, _ = self._list_folder("")
        way = [(_identify(self._top), iter(names))]
        while way:
            name = next(way[-1][1], None)
            if name is None:
                way.pop()
            elif not name.endswith("/"):
                yield Found(name)
            elif (folder := _identify(self._top + name)) in (above for above, _ in way):
                if self._is_strict and self._filters.takes(name[:-1]):
                    self._refuse(name[:-1], LINK_PROBLEMS[errno.ELOOP])
            else:
                names, is_empty = self._list_folder(name)
                yield Found(name, is_empty)
                way.append((folder, iter(names)))

    def iter_items(self, *, is_with_full_folders: bool) -> Iterator[Item]:
        """Yield files and folders with their sizes and times, full folders only if wanted."""
        for found in self.iter_found():
            if not found.is_folder:
                status = os.stat(self._top + found.name)
                mode = stat.S_IMODE(status.st_mode)
                yield Item(found.name, status.st_size, status.st_mtime, mode=mode)
            elif found.is_empty or is_with_full_folders:
                yield Item(found.name, 0, 0.0)

    def _list_folder(self, folder: str) -> tuple[list[str], bool]:
        """Return the names in a folder in order, from the top on, and whether there are none."""
        names = []
        is_empty = True
        with os.scandir(self._top + folder) as entries:
            for entry in entries:
                is_empty = False
                if name := self._name_entry(folder + entry.name, entry):
                    names.append(name)
        names.sort()
        return names, is_empty

    def _name_entry(self, name: str, entry: "os.DirEntry[str]") -> str | None:
        """Return an entry's name, a folder's with a slash; None where it is left out."""
        with contextlib.suppress(OSError):  # a link that leads in a circle, or where none may go
            if entry.is_dir():
                return None if self._filters.leaves_out_all(f"{name}/") else f"{name}/"
            if entry.is_file():
                return name if self._filters.takes(name) else None
        if not self._filters.takes(name):
            return None
        if self._is_strict and not self._filters.leaves_out_all(f"{name}/"):
            self._refuse(name, _describe_special(entry.path))
        return None

    def _refuse(self, name: str, why: str) -> None:
        raise BatchxError(f"{show_name(self._top + name)} {why}: leave it out by --exclude.")


def _identify(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _describe_special(path: str) -> str:
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError as error:
        return LINK_PROBLEMS.get(error.errno or 0, f"cannot be followed ({error.strerror})")
    return f"is {SPECIAL_KINDS.get(kind, 'no file')}, which has no content to send"
