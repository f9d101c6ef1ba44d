"""What goes along from the folders that scripts stand in.

A script may source, import or read whatever lies beside it, so its folder travels with it. But a
script right beside the Snakefile has the whole project beside it, terabytes of reads included.
So: code goes always, small files do up to a total, and data does not: who reads it names it as an
input of the rule.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CODE_SUFFIXES = frozenset(
    {
        *(".py", ".pyx", ".pyi", ".ipynb", ".r", ".rmd", ".qmd", ".jl", ".rs", ".hy", ".xsh"),
        *(".sh", ".bash", ".zsh", ".pl", ".pm", ".rb", ".lua", ".js", ".ts", ".awk", ".sed"),
        *(".c", ".h", ".cc", ".cpp", ".hpp", ".java", ".scala", ".go", ".sql", ".stan"),
        *(".smk", ".nf", ".wdl", ".cwl", ".yte", ".j2", ".jinja", ".jinja2"),
        *(".md", ".rst", ".tex", ".bib", ".css", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".json"),
    }
)
"""Lower case. What scripts are made of, their settings and templates."""

SMALL_BYTES = 1024 * 1024
"""Up to this size a file beside a script goes along whatever it is."""

LARGE_CODE_BYTES = 64 * 1024 * 1024
"""Over this size a file is data whatever its suffix (a .json of a whole genome)."""

SMALL_TOTAL_BYTES = 100 * 1024 * 1024
"""Small files that are no code go along, the smallest first, until their sum reaches this."""

SMALL_FILES = 5000
"""How many such files go along at most: every job unpacks them."""

ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""What stands in the folder of a virtual or conda environment: no part of a project."""


@dataclass(frozen=True)
class FileSize:
    """A file and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class TreeFiles:
    """Which files beside scripts go along, and which do not, the largest first."""

    paths: tuple[str, ...]
    left_out: tuple[FileSize, ...]


def is_skipped(folder: str) -> bool:
    """Tell whether a folder of this name holds nothing of a project's own."""
    return (folder.startswith(".") and folder != "..") or folder == "__pycache__"


def iter_tree(folder: str) -> Iterator[str]:
    """Yield the files below a folder, links followed, but for environments and what is hidden.

    Hidden files hold settings and secrets (`.env`, `.netrc`): those that git tracks or parsing
    opens go along all the same.
    """
    seen = {os.path.realpath(folder)}
    for parent, children, files in os.walk(folder, followlinks=True):
        kept = []
        for child in sorted(children):
            real = os.path.realpath(os.path.join(parent, child))
            if real not in seen and not is_skipped(child) and not _is_environment(real):
                seen.add(real)  # a link back up would lead round and round
                kept.append(child)
        children[:] = kept
        yield from (os.path.join(parent, file) for file in files if not file.startswith("."))


def _is_environment(folder: str) -> bool:
    return any(os.path.exists(os.path.join(folder, mark)) for mark in ENVIRONMENT_MARKS)


def is_large_data(path: str) -> bool:
    """Tell whether a file is neither code nor small."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    return size > (LARGE_CODE_BYTES if _is_code(path) else SMALL_BYTES)


def _is_code(path: str) -> bool:
    suffix = os.path.splitext(path)[1].lower()
    # Snakefile, Makefile, a program without a suffix: small, or no code.
    return suffix in CODE_SUFFIXES


def choose_tree_files(paths: Iterable[str], used: set[str]) -> TreeFiles:
    """Choose among files beside scripts; `used` are the inputs of the workflow's jobs.

    An input that is no code is left out without a word: the jobs that name it get it.
    """
    taken: list[str] = []
    data: list[FileSize] = []
    for path in paths:
        if not os.path.isfile(path) or not os.access(path, os.R_OK):
            continue  # a stranger's file, which scripts cannot read here either
        file = FileSize(path, os.path.getsize(path))
        if _is_code(path) and file.size <= LARGE_CODE_BYTES:
            taken.append(path)
        elif path not in used:
            data.append(file)
    left_out = []
    total = 0
    for count, file in enumerate(sorted(data, key=lambda each: (each.size, each.path))):
        total += file.size
        is_within = total <= SMALL_TOTAL_BYTES and count < SMALL_FILES
        if file.size <= SMALL_BYTES and is_within:
            taken.append(file.path)
        else:
            left_out.append(file)
    return TreeFiles(tuple(sorted(taken)), tuple(reversed(left_out)))
