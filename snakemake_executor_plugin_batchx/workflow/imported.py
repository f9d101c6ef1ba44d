"""Which packages the workflow imported while it was parsed, and which files they are made of.

A job's runtime holds Snakemake, its plugins, batchx and what they depend on. Whatever else the
Snakefile imports (pandas, a laboratory's own package) has to go along. An installed distribution
goes whole, with what it depends on and its metadata; a module that belongs to none (found through
PYTHONPATH, or installed to be edited) goes with its top-level folder and the metadata that tells
of it. Modules that live beside the Snakefiles are sources of the workflow and travel as such.
"""

import hashlib
import importlib.metadata
import json
import os
import sys
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from snakemake_executor_plugin_batchx.runtime.inventory import ROOTS, STORAGE_PLUGIN, find_closure
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord
from snakemake_executor_plugin_batchx.workflow.script_trees import is_skipped
from snakemake_executor_plugin_batchx.workflow.source_files import iter_included

OWN_PACKAGE = __name__.partition(".")[0]

CODE_SUFFIXES = (".py", ".pyc", ".so")


@dataclass(frozen=True)
class ImportedModule:
    """A top-level module: its file or folder, and the real paths of what was imported of it."""

    place: str
    files: frozenset[str]


@dataclass(frozen=True)
class Imported:
    """What goes along: names of top-level modules, and files by the name they get in the job.

    `files` are (name below the folder that is put on `sys.path`, path on this machine), sorted;
    `marks` tell one state of them from another without reading them.
    """

    modules: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    marks: tuple[str, ...]

    def make_key(self) -> str:
        """Return a hash (hex) that is another one when a package is."""
        state = [sys.implementation.cache_tag, sys.platform, os.uname().machine, *self.marks]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def find_imported(workflow: Any, record: ParseRecord) -> Imported:
    """Return the packages that parsing this workflow imported and a job's runtime may lack."""
    return find_imported_beside(iter_included(workflow), workflow.globals, record)


def find_imported_beside(
    included: Iterable[str], variables: Mapping[str, Any], record: ParseRecord
) -> Imported:
    """Return the same for a workflow of these Snakefiles (absolute paths) and variables."""
    known = dict(sys.modules)
    names = {name for name in known if name not in record.modules_before}
    names |= known.keys() & set(_iter_used_modules(variables))
    homes = {os.path.realpath(os.path.dirname(path)) for path in included}
    before = {os.path.realpath(folder or os.curdir) for folder in record.path_before}
    added = {os.path.realpath(folder or os.curdir) for folder in sys.path} - before
    found: dict[str, ImportedModule] = {}
    for top in {name.partition(".")[0] for name in names}:
        place = None if _is_pythons_own(top) else find_place(top, known.get(top))
        # What was found on a path that parsing added is a source, and will be so in the job.
        if place and os.path.realpath(os.path.dirname(place)) not in homes | added:
            found[top] = ImportedModule(place, _list_module_files(top, known, names))
    return choose_packages(found, Installed.look()) if found else Imported((), (), ())


def _is_pythons_own(top: str) -> bool:
    return top in sys.stdlib_module_names or top in {"__main__", "__mp_main__", OWN_PACKAGE}


def _list_module_files(top: str, known: Mapping[str, Any], names: set[str]) -> frozenset[str]:
    """Return the real paths of the modules in use of a top-level package."""
    files = (
        getattr(known[name], "__file__", None)
        for name in names
        if name == top or name.startswith(top + ".")
    )
    return frozenset(os.path.realpath(file) for file in files if isinstance(file, str))


def _iter_used_modules(names: Mapping[str, Any]) -> Iterator[str]:
    """Yield the modules that a workflow's variables are, or come from."""
    for value in list(names.values()):
        if isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(module := getattr(value, "__module__", None), str):
            yield module


def find_place(top: str, module: Any) -> str | None:
    """Return the file or folder of a top-level module; None for one that is no file."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        folder = os.path.dirname(file)
        is_package = os.path.splitext(os.path.basename(file))[0] == "__init__"
        return folder if is_package else os.path.abspath(file)
    folders = [str(each) for each in getattr(module, "__path__", ())]
    return next((each for each in folders if os.path.basename(each) == top), None)


@dataclass(frozen=True)
class Installed:
    """What is installed here: distributions by normalised name, and of each module their names."""

    distributions: Mapping[str, Distribution]
    owners: Mapping[str, tuple[str, ...]]

    @classmethod
    def look(cls) -> "Installed":
        """Return what this interpreter finds; the first of a name counts, as for importing."""
        found: dict[str, Distribution] = {}
        for each in importlib.metadata.distributions():
            if each.name:  # the remains of a broken installation have none
                found.setdefault(canonicalize_name(each.name), each)
        owners = {
            module: tuple(canonicalize_name(name) for name in names if name)
            for module, names in importlib.metadata.packages_distributions().items()
        }
        return cls(found, owners)

    def close_over(self, names: Iterable[str]) -> set[str]:
        """Return distributions and all that they depend on, as far as installed."""
        closed: set[str] = set()
        waiting = [(name, frozenset[str]()) for name in names]
        asked: set[tuple[str, frozenset[str]]] = set()
        while waiting:
            name, extras = waiting.pop()
            if name not in self.distributions or (name, extras) in asked:
                continue
            asked.add((name, extras))
            closed.add(name)
            waiting += _iter_requirements(self.distributions[name], extras)
        return closed

    def list_runtime(self) -> set[str]:
        """Return the distributions that a job's runtime holds."""
        plugins = (name for name in self.distributions if name.startswith(STORAGE_PLUGIN))
        base = find_closure([*ROOTS, *plugins], self.distributions.get)
        return {*base, canonicalize_name(OWN_PACKAGE)}


def _iter_requirements(
    distribution: Distribution, extras: frozenset[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # of an old package; pip has let it in all the same
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def choose_packages(modules: Mapping[str, ImportedModule], installed: Installed) -> Imported:
    """Return what has to go along for top-level modules (by name) to be imported in a job."""
    runtime = installed.list_runtime()
    whole: set[str] = set()
    places: set[str] = set()
    tops: set[str] = set()
    for top, module in modules.items():
        owners = _find_owners(top, module, installed)
        if owners and owners <= runtime:
            continue
        tops.add(top)
        complete = {owner for owner in owners if _is_complete(installed.distributions[owner])}
        whole |= complete
        if not complete:
            folders = (_find_metadata_folder(installed.distributions[owner]) for owner in owners)
            places |= {module.place, *filter(None, folders)}
    files: dict[str, str] = {}
    marks: list[str] = []
    for owner in sorted(installed.close_over(whole) - runtime):
        distribution = installed.distributions[owner]
        files |= dict(_iter_files(distribution))
        record = distribution.read_text("RECORD") or ""
        digest = hashlib.sha256(record.encode()).hexdigest()
        marks.append(f"{owner} {distribution.version} {digest}")
    for place in sorted(places):
        found = sorted(_iter_tree_files(place))
        files |= dict(found)
        marks += [_mark_file(name, path) for name, path in found]
    return Imported(tuple(sorted(tops)), tuple(sorted(files.items())), tuple(marks))


def _find_owners(top: str, module: ImportedModule, installed: Installed) -> set[str]:
    """Return the distributions that hold a module: of a shared namespace, only those in use."""
    owners = set(installed.owners.get(top, ())) & installed.distributions.keys()
    if len(owners) > 1:
        owners = {o for o in owners if _holds(installed.distributions[o], module.files)} or owners
    return owners or {
        name
        for name, distribution in installed.distributions.items()
        if _is_beside(name, distribution, top, module.place)
    }


def _holds(distribution: Distribution, paths: frozenset[str]) -> bool:
    located = (os.path.realpath(str(file.locate())) for file in distribution.files or ())
    return not paths.isdisjoint(located)


def _is_beside(name: str, distribution: Distribution, top: str, place: str) -> bool:
    """Tell whether a distribution without a list of modules is that of a module.

    One that is installed to be edited tells in which folder; else it has the module's name and
    its metadata lie beside the module.
    """
    edited = _find_edited_folder(distribution)
    if edited is not None:
        return place.startswith(edited.rstrip(os.sep) + os.sep)
    folder = _find_metadata_folder(distribution)
    is_neighbour = folder is not None and os.path.dirname(folder) == os.path.dirname(place)
    return is_neighbour and name == canonicalize_name(top)


def _is_complete(distribution: Distribution) -> bool:
    """Tell whether a distribution's list of files tells where its modules are."""
    if _find_edited_folder(distribution) is not None:
        return False
    code = (file for file in distribution.files or () if str(file).endswith(CODE_SUFFIXES))
    return any(os.path.isfile(str(file.locate())) for file in code)


def _find_edited_folder(distribution: Distribution) -> str | None:
    """Return the folder of a distribution that is installed to be edited.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    text = distribution.read_text("direct_url.json")
    told = json.loads(text) if text else {}
    if not told.get("dir_info", {}).get("editable"):
        return None
    return urllib.parse.unquote(urllib.parse.urlsplit(told.get("url", "")).path)


def _find_metadata_folder(distribution: Distribution) -> str | None:
    path = getattr(distribution, "_path", None)  # only its type says where; no public way
    return str(path) if path is not None and os.path.isdir(path) else None


def _iter_files(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Yield a distribution's files but programs, which lie outside, and compiled code."""
    for file in distribution.files or ():
        path = str(file.locate())
        if ".." not in file.parts and "__pycache__" not in file.parts and os.path.isfile(path):
            yield str(file), path


def _iter_tree_files(place: str) -> Iterator[tuple[str, str]]:
    """Yield a module's files, or a package's, named from its top on."""
    above = os.path.dirname(place)
    if os.path.isfile(place):
        yield os.path.basename(place), place
        return
    for parent, folders, files in os.walk(place, followlinks=True):
        folders[:] = sorted(folder for folder in folders if not is_skipped(folder))
        for file in sorted(files):
            path = os.path.join(parent, file)
            yield os.path.relpath(path, above), path


def _mark_file(name: str, path: str) -> str:
    status = Path(path).stat()
    return f"{name} {status.st_size} {status.st_mtime_ns}"
