"""Which files a job needs to parse the workflow again."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def collect_source_files(workflow: Any, opened: frozenset[str]) -> list[str]:
    """Return the absolute paths of the workflow's sources that are files on this machine, sorted.

    Snakefiles and modules, scripts with the folder they stand in, notebooks, conda environments,
    config files, what git tracks below the working directory, and what parsing opened. The same
    kinds as Snakemake's own list (snakemake/dag.py, get_sources), but without git it still works.
    """
    base = os.getcwd()
    found: set[str] = set()
    for path in (
        *_iter_included(workflow),
        *_iter_script_trees(workflow),
        *_iter_conda_files(workflow),
        *(os.path.abspath(path) for path in workflow.configfiles),
        *_iter_tracked_files(base),
        *_iter_project_files(opened, {base, workflow.workdir_init, *_iter_homes(workflow)}),
    ):
        if os.path.isfile(path):
            found.add(os.path.normpath(path))
    # What the workflow makes is no source of it, wherever it lies.
    made = {os.path.abspath(file) for job in workflow.dag.jobs for file in job.output}
    return sorted(found - made)


def _iter_homes(workflow: Any) -> Iterator[str]:
    """Yield the folders in which parts of the workflow live, and the project around `workflow/`."""
    for path in _iter_included(workflow):
        folder = os.path.dirname(path)
        yield folder
        if os.path.basename(folder) == "workflow":
            yield os.path.dirname(folder)


def _is_local(source: Any) -> bool:
    return os.path.isabs(_get_path(source))


def _get_path(source: Any) -> str:
    path = str(source.get_path_or_uri(secret_free=True))
    return os.path.normpath(path) if os.path.isabs(path) else path


def _iter_included(workflow: Any) -> Iterator[str]:
    for source in workflow.included:
        if _is_local(source):
            yield _get_path(source)


def _iter_script_trees(workflow: Any) -> Iterator[str]:
    folders = set()
    for rule in workflow.rules:
        script = rule.script or rule.notebook
        if script and "{" not in script and "://" not in script:
            source = rule.basedir.join(script)
            if _is_local(source):
                folders.add(os.path.dirname(_get_path(source)))
    for folder in folders:
        for parent, children, files in os.walk(folder):
            children[:] = [child for child in children if not _is_skipped(child)]
            yield from (os.path.join(parent, file) for file in files)


def _iter_conda_files(workflow: Any) -> Iterator[str]:
    for job in workflow.dag.jobs:
        spec = job.conda_env_spec
        if spec and spec.is_file and _is_local(spec.file):
            yield _get_path(spec.file)


def _iter_tracked_files(base: str) -> Iterator[str]:
    command = ["git", "ls-files", "-z", "--recurse-submodules", "."]
    try:
        listing = subprocess.run(command, cwd=base, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return  # no git, or no repository: what parsing opened tells enough
    for name in listing.split(b"\0"):
        if name:
            yield os.path.join(base, os.fsdecode(name))


def _iter_project_files(opened: frozenset[str], bases: set[str]) -> Iterator[str]:
    """Yield what parsing opened below the project, not the interpreter's or Snakemake's own.

    A module that is compiled already is opened as such: its source is what the job needs.
    """
    installed = {os.path.realpath(folder) for folder in (sys.prefix, sys.base_prefix)}
    for path in opened:
        source = importlib.util.source_from_cache(path) if path.endswith(".pyc") else path
        parents = {str(parent) for parent in Path(source).parents}
        inside = [base for base in bases if base in parents]
        if not inside or parents & installed:
            continue
        below = Path(source).relative_to(max(inside, key=len)).parts
        if not any(_is_skipped(part) for part in below[:-1]):
            yield source


def _is_skipped(folder: str) -> bool:
    return folder.startswith(".") or folder == "__pycache__"
