"""What parsing the workflow read: the files that a job must have to parse it again.

A Snakefile may read a sample sheet that no rule names as an input. Snakemake's list of sources
misses it, and the job, which parses the Snakefile again, would fail or, worse, see another
workflow. Python tells an audit hook of every file it opens (https://peps.python.org/pep-0578/).

A hook cannot be taken out again, so there is one for the process; recording is switched on when
the settings of our executor are made, shortly before Snakemake parses, and off when it has.
"""

import os
import sys
from typing import Any

_opened: set[str] = set()
_state = {"is_recording": False, "is_hooked": False}

_OWN_READERS = ("snakemake/io/", "snakemake/persistence/", "snakemake/sourcecache")
"""Parts of Snakemake that read inputs or caches, not the workflow's definition."""


def _note_event(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _state["is_recording"]:
        return
    path, _mode, flags = args
    if not isinstance(path, str | bytes | os.PathLike) or flags & os.O_ACCMODE != os.O_RDONLY:
        return
    opener = sys._getframe(1).f_code.co_filename  # the caller's file; no public way tells it
    if not any(part in opener for part in _OWN_READERS):
        _opened.add(os.path.abspath(os.fsdecode(path)))


def start_recording() -> None:
    """Note files opened for reading from now on, forgetting those of an earlier workflow."""
    _opened.clear()
    _state["is_recording"] = True
    if not _state["is_hooked"]:
        sys.addaudithook(_note_event)
        _state["is_hooked"] = True


def stop_recording() -> frozenset[str]:
    """Stop noting; return the absolute paths of all files opened for reading since the start."""
    _state["is_recording"] = False
    return frozenset(_opened)
