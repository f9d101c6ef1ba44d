"""Which files a job needs to parse the workflow again, and to run its scripts."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.deployment.conda import CondaEnvFileSpec

from snakemake_executor_plugin_batchx.workflow.environments import COMPANIONS
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord
from snakemake_executor_plugin_batchx.workflow.script_trees import (
    LARGE_CODE_BYTES,
    FileSize,
    choose_tree_files,
    is_large_data,
    is_skipped,
    iter_tree,
)
from snakemake_executor_plugin_batchx.workflow.steps import iter_made

GIT_SECONDS = 60
"""How long git may list files: on a network's disk it may take very long."""

SYSTEM_FOLDERS = frozenset(
    {
        *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "run", "sbin", "sys"),
        *("usr", "System", "Library"),
    }
)
"""At the root: what differs from machine to machine, and is no part of a workflow."""


@dataclass(frozen=True)
class SourceFiles:
    """The absolute paths of files that go along, sorted, and what does not, largest first.

    Those `outside` the project keep their absolute path in the job.
    """

    paths: tuple[str, ...]
    outside: tuple[str, ...]
    left_out: tuple[FileSize, ...]


def collect_source_files(workflow: Any, record: ParseRecord) -> SourceFiles:
    """Return the workflow's sources that are files on this machine.

    Snakefiles and modules, scripts with the folder they stand in, notebooks, conda environments,
    config files, what git tracks below the project's folders, and what parsing opened. The same
    kinds as Snakemake's own list (snakemake/dag.py, get_sources), but without git it still works,
    and data beside scripts is bounded (workflow/script_trees.py).
    """
    bases = find_bases(workflow)
    # What the workflow makes is no source of it, wherever it lies.
    made = {os.path.abspath(file) for job in workflow.dag.jobs for file in iter_made(job)}
    used = {os.path.abspath(file) for job in workflow.dag.jobs for file in job.input}
    places = list(_iter_script_places(workflow))
    named = {
        *iter_included(workflow),
        *(path for path, is_folder in places if not is_folder),
        *_iter_conda_files(workflow),
        *(os.path.abspath(path) for path in workflow.configfiles),
    }
    # The inputs of a job reach it anyway: large ones need not reach the others.
    tracked = {p for p in _iter_tracked_files(bases) if not (p in used and is_large_data(p))}
    folders = {path if is_folder else os.path.dirname(path) for path, is_folder in places}
    beside = {path for folder in folders for path in iter_tree(folder)}
    chosen = choose_tree_files(beside - named - tracked - made, used)
    # Unless parsing reads it: then a job must find what was there.
    read = set(_iter_opened_files(record, bases))
    read |= {path for file in read for path in _iter_modules_beside(file)}
    paths = {*((named | tracked | set(chosen.paths)) - made), *read}
    found = {os.path.normpath(path) for path in paths if os.path.isfile(path)}
    outside = tuple(sorted(set(_iter_outside_files(record, bases)) - made))
    return SourceFiles(tuple(sorted(found)), outside, chosen.left_out)


def find_bases(workflow: Any) -> set[str]:
    """Return the folders of the project: where it was started, where it works, where it lives."""
    found = {os.getcwd(), str(workflow.workdir_init), *_iter_homes(workflow)}
    return set(map(os.path.normpath, found))


def _iter_homes(workflow: Any) -> Iterator[str]:
    """Yield the folders in which parts of the workflow live, and the project around `workflow/`."""
    for path in iter_included(workflow):
        folder = os.path.dirname(path)
        yield folder
        if os.path.basename(folder) == "workflow":
            yield os.path.dirname(folder)


def _iter_modules_beside(file: str) -> Iterator[str]:
    """Yield the modules beside one that parsing imported: a rule may import them later."""
    if not file.endswith(".py"):
        return
    folder = os.path.dirname(file)
    if os.path.isfile(os.path.join(folder, "__init__.py")):
        found: Iterable[str] = iter_tree(folder)
    else:
        found = (entry.path for entry in os.scandir(folder))
    yield from (path for path in found if path.endswith(".py"))


def _is_local(source: Any) -> bool:
    return os.path.isabs(_get_path(source))


def _get_path(source: Any) -> str:
    path = str(source.get_path_or_uri(secret_free=True))
    return os.path.normpath(path) if os.path.isabs(path) else path


def iter_included(workflow: Any) -> Iterator[str]:
    """Yield the absolute paths of the Snakefiles that are files on this machine."""
    for source in workflow.included:
        if _is_local(source):
            yield _get_path(source)


def _iter_script_places(workflow: Any) -> Iterator[tuple[str, bool]]:
    """Yield the scripts and notebooks of rules; of one whose name has wildcards, the folder."""
    for rule in workflow.rules:
        script = rule.script or rule.notebook
        if script:
            fixed, brace, _ = str(script).partition("{")
            source = rule.basedir.join(os.path.dirname(fixed) if brace else script)
            if _is_local(source):
                yield _get_path(source), bool(brace)


def _iter_conda_files(workflow: Any) -> Iterator[str]:
    """Yield the environments of the jobs there are, and of rules that checkpoints will bring."""
    specs = (job.conda_env_spec for job in workflow.dag.jobs)
    files = [spec.file for spec in specs if isinstance(spec, CondaEnvFileSpec)]
    files += [r.basedir.join(r.conda_env) for r in workflow.rules if _names_conda_file(r.conda_env)]
    for file in filter(_is_local, files):
        path = _get_path(file)
        yield path
        stem = os.path.splitext(path)[0]
        yield from (stem + suffix for suffix in COMPANIONS)


def _names_conda_file(environment: Any) -> bool:
    is_plain = isinstance(environment, str) and "{" not in environment
    return is_plain and environment.endswith((".yaml", ".yml"))


def _iter_tracked_files(bases: set[str]) -> Iterator[str]:
    """Yield what git tracks below folders; without git, what parsing opened has to do."""
    command = ["git", "ls-files", "-z", "--recurse-submodules", "."]
    for base in sorted(bases):
        if not bases.isdisjoint(map(str, Path(base).parents)):
            continue  # its files are those of a folder above
        try:
            done = subprocess.run(
                command, cwd=base, capture_output=True, check=True, timeout=GIT_SECONDS
            )
        except (OSError, subprocess.SubprocessError):
            continue
        listing = done.stdout
        yield from (os.path.join(base, os.fsdecode(name)) for name in listing.split(b"\0") if name)


def _iter_opened_files(record: ParseRecord, bases: set[str]) -> Iterator[str]:
    """Yield what parsing opened of the project, not the interpreter's or Snakemake's own.

    What lies elsewhere is the project's if it was named relative to the working directory. A
    module that is compiled already is opened as such: its source is what the job needs.
    """
    for path in record.opened:
        source = path
        if path.endswith(".pyc") and os.path.basename(os.path.dirname(path)) == "__pycache__":
            source = importlib.util.source_from_cache(path)
        parents = {str(parent) for parent in Path(source).parents}
        inside = [base for base in bases if base in parents]
        if is_installed(source) or not (inside or path in record.opened_relatively):
            continue
        nearest = max(inside, key=len, default=os.getcwd())
        folders = Path(os.path.relpath(source, nearest)).parts[:-1]
        if not any(map(is_skipped, folders)):
            yield source


def _iter_outside_files(record: ParseRecord, bases: set[str]) -> Iterator[str]:
    """Yield what the workflow's code read by an absolute path outside the project.

    Hidden files hold settings and secrets of the user's, system folders are the image's own.
    """
    for path in record.opened_absolutely:
        parts = Path(path).parts[1:]
        is_elsewhere = bases.isdisjoint(map(str, Path(path).parents)) and not is_installed(path)
        if not is_elsewhere or parts[0] in SYSTEM_FOLDERS or any(p.startswith(".") for p in parts):
            continue
        if os.path.isfile(path) and os.path.getsize(path) <= LARGE_CODE_BYTES:
            yield path


def is_installed(path: str) -> bool:
    """Tell whether a path lies in this interpreter's own folders."""
    installed = {os.path.realpath(folder) for folder in (sys.prefix, sys.base_prefix)}
    return not installed.isdisjoint({path, *map(str, Path(path).parents)})
