"""What parsing the workflow looked at: what a job must have to parse it again.

A Snakefile may read a sample sheet that no rule names as an input, list a folder
(`glob_wildcards`, `os.listdir`, `Path.glob`) or import a package. Snakemake's list of sources
misses all three, and the job, which parses the Snakefile again, would fail or, worse, see another
workflow. Python tells an audit hook of every file it opens and every folder it lists
(https://peps.python.org/pep-0578/, https://docs.python.org/3/library/audit_events.html).

A hook cannot be taken out again, so there is one for the process; recording is switched on when
the settings of our executor are made, shortly before Snakemake parses, and off when it has.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

_OWN_READERS = ("snakemake/io/", "snakemake/persistence/", "snakemake/sourcecache")
"""Parts of Snakemake that read inputs or caches, not the workflow's definition."""

_LISTERS = frozenset({"glob_wildcards", "listfiles"})
"""Snakemake's functions that list folders for a workflow; else it does so for itself."""

_IMPORT_SYSTEM = ("<frozen importlib", "/importlib/", "/pkgutil.py", "/zipimport.py")
"""Code that lists folders to find modules: what it found shows in `sys.modules`."""

_STDLIB = os.path.join(sysconfig.get_path("stdlib"), "")
_INSTALLED = ("/site-packages/", "/dist-packages/")
_SNAKEMAKE = f"{os.sep}snakemake{os.sep}"


FolderNames = tuple[tuple[str, bool], ...]
"""Names in a folder, sorted, and whether each is a folder itself."""


@dataclass(frozen=True)
class ParseRecord:
    """What happened while the workflow was parsed.

    `opened` are the absolute paths of files opened for reading, `opened_relatively` those among
    them that were named relative to the working directory, `opened_absolutely` those that the
    workflow's own code named by an absolute path. `listed` tells of each folder that
    was listed (its absolute path) what is in it when recording ends: names, and whether each is a
    folder; `listed_absolutely` are those among them that were named by an absolute path.
    `modules_before` and `path_before` are the names in `sys.modules`, and `sys.path`, when
    recording began.
    """

    opened: frozenset[str] = frozenset()
    opened_relatively: frozenset[str] = frozenset()
    opened_absolutely: frozenset[str] = frozenset()
    listed: Mapping[str, FolderNames] = field(default_factory=dict)
    listed_absolutely: frozenset[str] = frozenset()
    modules_before: frozenset[str] = frozenset()
    path_before: tuple[str, ...] = ()


@dataclass
class _Recorder:
    """The state of the process's one hook."""

    is_recording: bool = False
    is_hooked: bool = False
    opened: set[str] = field(default_factory=set)
    opened_relatively: set[str] = field(default_factory=set)
    opened_absolutely: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    listed_absolutely: set[str] = field(default_factory=set)
    modules_before: frozenset[str] = frozenset()
    path_before: tuple[str, ...] = ()

    def note_event(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of what the interpreter tells; called for every event of the process."""
        if not self.is_recording:
            return
        if event == "open":
            self._note_open(*args)
        elif event in {"os.listdir", "os.scandir"}:
            self._note_listing(args[0])

    def _note_open(self, path: Any, _mode: Any, flags: int) -> None:
        if not isinstance(path, str | bytes | os.PathLike) or flags & os.O_ACCMODE != os.O_RDONLY:
            return
        # The frames: this method, note_event, whoever opens. No public way tells the last one.
        opener = sys._getframe(2).f_code.co_filename
        if any(part in opener for part in _OWN_READERS):
            return
        file = os.fsdecode(path)
        self.opened.add(os.path.abspath(file))
        if not os.path.isabs(file):
            self.opened_relatively.add(os.path.abspath(file))
        elif is_workflows_reading(sys._getframe(2)):
            self.opened_absolutely.add(os.path.abspath(file))

    def _note_listing(self, path: Any) -> None:
        if isinstance(path, int) or not is_workflows_listing(sys._getframe(2)):
            return
        folder = os.fsdecode(path if path is not None else ".")
        self.listed.add(os.path.abspath(folder))
        if os.path.isabs(folder):
            self.listed_absolutely.add(os.path.abspath(folder))


_recorder = _Recorder()


def is_workflows_listing(frame: FrameType) -> bool:
    """Tell whether a folder is listed for the workflow, not for Snakemake or an import.

    `frame` is the one that lists. What asked is the first caller outside the standard library.
    """
    for caller in _iter_callers(frame):
        file = caller.f_code.co_filename
        if any(part in file for part in _IMPORT_SYSTEM):
            return False
        if _is_stdlib(file):
            continue
        if _SNAKEMAKE in file and any(part in file for part in _INSTALLED):
            # The files are walked in a generator, one frame below the function's own.
            nearest = (caller, caller.f_back)
            return any(each is not None and each.f_code.co_name in _LISTERS for each in nearest)
        return True
    return False


def is_workflows_reading(frame: FrameType) -> bool:
    """Tell whether a file is read by the workflow's own code, or by a package that it calls.

    `frame` is the one that opens. Snakemake's own reading and imports do not count.
    """
    for caller in _iter_callers(frame):
        file = caller.f_code.co_filename
        is_package = any(part in file for part in _INSTALLED)
        if any(part in file for part in _IMPORT_SYSTEM) or (is_package and _SNAKEMAKE in file):
            return False
        if not is_package and not _is_stdlib(file):
            return True
    return False


def _iter_callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_stdlib(file: str) -> bool:
    if file.startswith("<frozen "):
        return True
    return file.startswith(_STDLIB) and not any(part in file for part in _INSTALLED)


def start_recording() -> None:
    """Note what parsing looks at from now on, forgetting what an earlier workflow did."""
    for noted in (
        _recorder.opened,
        _recorder.opened_relatively,
        _recorder.opened_absolutely,
        _recorder.listed,
        _recorder.listed_absolutely,
    ):
        noted.clear()
    _recorder.modules_before = frozenset(sys.modules)
    _recorder.path_before = tuple(sys.path)
    _recorder.is_recording = True
    if not _recorder.is_hooked:
        sys.addaudithook(_recorder.note_event)
        _recorder.is_hooked = True


def stop_recording() -> ParseRecord:
    """Stop noting; return what was noted since the start."""
    _recorder.is_recording = False
    return ParseRecord(
        opened=frozenset(_recorder.opened),
        opened_relatively=frozenset(_recorder.opened_relatively),
        opened_absolutely=frozenset(_recorder.opened_absolutely),
        listed=dict(_iter_names(_recorder.listed)),
        listed_absolutely=frozenset(_recorder.listed_absolutely),
        modules_before=_recorder.modules_before,
        path_before=_recorder.path_before,
    )


def _iter_names(folders: set[str]) -> Iterator[tuple[str, FolderNames]]:
    """Yield the folders that are there and can be read, with what is in them."""
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                yield folder, tuple(sorted((entry.name, entry.is_dir()) for entry in entries))
        except OSError:
            continue  # the workflow, too, found nothing there
