"""What of a folder travels with a detached run, there and back."""

import gzip
import json
import os
import stat
from collections.abc import Callable, Iterable, Sequence

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import Entry, decode, encode
from snakemake_executor_plugin_batchx.storage.tree import IsLeftOut, list_entries

LEFT_OUT = frozenset({".git", ".snakemake", "__pycache__"})

ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""What stands in virtual environments (PEP 405) and in those of conda."""

LOG_FOLDER = os.path.join(".snakemake", "log")
"""What of Snakemake's own folder are files like others: its logs, and those of jobs."""


def choose_top(start: str, named: Iterable[tuple[str, str]], home: str) -> str:
    """Return the folder to send: where the run starts, or what also holds the paths named.

    `named` are absolute paths and the options that name them. Raises BatchxError where nothing
    less than the whole disk or a home would do.
    """
    top, causes = start, []
    for option, path in named:
        common = os.path.commonpath([top, path])
        if common != top:
            causes.append(f"{option} {path}")
            top = common
    if causes and (top == os.sep or f"{home}{os.sep}".startswith(f"{top}{os.sep}")):
        raise BatchxError(
            f"{', '.join(causes)} lies outside of {start}, and what holds both is {top}, which is "
            "too much to send: have them in one folder, or start in one that is above both."
        )
    return top


def make_filter(top: str, is_excluded: Callable[[str], bool] = lambda _: False) -> IsLeftOut:
    """Return what tells which paths below `top` stay: environments, repositories, no files."""

    def is_left_out(path: str) -> bool:
        if os.path.basename(path) in LEFT_OUT or is_excluded(path):
            return True
        full = os.path.join(top, path)
        try:
            mode = os.stat(full).st_mode
        except OSError:  # a link that leads nowhere
            return True
        if stat.S_ISDIR(mode):
            return any(os.path.exists(os.path.join(full, mark)) for mark in ENVIRONMENT_MARKS)
        return not stat.S_ISREG(mode)

    return is_left_out


def list_folder(top: str, is_left_out: IsLeftOut) -> list[Entry]:
    """Return what is below a folder as entries without blobs. Raises OSError where it cannot."""
    names = sorted(os.listdir(top))
    found = (list_entries(top, name, is_left_out) for name in names if not is_left_out(name))
    return [entry for entries in found for entry in entries]


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """Return entries as gzipped JSON."""
    return gzip.compress(json.dumps(encode(tuple(entries))).encode(), 4, mtime=0)


def decode_entries(data: bytes) -> tuple[Entry, ...]:
    """Return the entries of `encode_entries`."""
    return tuple(decode(Entry, each) for each in json.loads(gzip.decompress(data)))
