"""The runtime of jobs, built from what is installed here, or taken from the cache."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.cache import (
    lock_folder,
    note_use,
    open_entry,
    remove_old,
)
from snakemake_executor_plugin_batchx.runtime.interpreter import (
    Interpreter,
    inspect_interpreter,
)
from snakemake_executor_plugin_batchx.runtime.inventory import Package, list_packages
from snakemake_executor_plugin_batchx.runtime.layer import (
    LayerFile,
    pack_layer,
    read_note,
    write_note,
)
from snakemake_executor_plugin_batchx.runtime.tree import (
    PLUGIN_FOLDER,
    list_own_files,
    make_base_tree,
    make_own_tree,
)
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

TREE = "tree"
LAYER = "layer.tar.gz"
NOTE = "layer.json"
LIBRARIES = "libraries.json"


@dataclass(frozen=True)
class Runtime:
    """A runtime that is ready for use.

    `architecture` as images name it ("amd64"); `layers` in the order in which an image gets them:
    base, own; the trees are what to mount at `/batchx` and `/batchx/plugin`.
    """

    architecture: str
    layers: tuple[LayerFile, ...]
    base_tree: Path
    own_tree: Path


@dataclass(frozen=True)
class Plan:
    """What a runtime of this head consists of, and the names of its two parts in the cache."""

    interpreter: Interpreter
    packages: tuple[Package, ...]
    base_name: str
    own_name: str


def plan_runtime() -> Plan:
    """Look at what is installed. Raises BatchxError if no runtime can be made of it."""
    interpreter, packages = inspect_interpreter(), list_packages()
    recipe = [hash_files({p.name: p for p in Path(__file__).parent.glob("*.py")})]
    identity = [*recipe, *interpreter.identity]
    base = _hash([*identity, *(line for package in packages for line in package.identity)])
    own = _hash([*identity, hash_files(list_own_files())])
    return Plan(interpreter, packages, f"base-{base[:32]}", f"own-{own[:32]}")


def find_runtime(plan: Plan, cache_dir: Path) -> Runtime | None:
    """Return the planned runtime if the cache holds it, whole and with libraries of today."""
    base, own = (cache_dir / "runtime" / name for name in (plan.base_name, plan.own_name))
    layers = [layer for entry in (base, own) if (layer := _find_layer(entry))]
    if len(layers) < 2:
        return None
    return Runtime(plan.interpreter.architecture, tuple(layers), base / TREE, own / TREE)


def provide_runtime(cache_dir: Path, say: Callable[[str], None]) -> Runtime:
    """Return this head's runtime, from the cache or else built; `say` gets a line per stage.

    Raises BatchxError if it cannot be built.
    """
    plan = plan_runtime()
    runtime = find_runtime(plan, cache_dir) or _build(plan, cache_dir, say)
    for tree in (runtime.base_tree, runtime.own_tree):
        note_use(tree.parent)
    return runtime


def _find_layer(entry: Path) -> LayerFile | None:
    """Return the layer of a cache's entry; None if something of it is missing or out of date."""
    try:
        layer = read_note(entry / NOTE)
        taken = json.loads((entry / LIBRARIES).read_text(encoding="utf-8"))
        is_current = all(_stamp(Path(path)) == stamp for path, stamp in taken.items())
        is_whole = layer.path.stat().st_size == layer.size and (entry / TREE).is_dir()
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return layer if is_current and is_whole else None


def _build(plan: Plan, cache_dir: Path, say: Callable[[str], None]) -> Runtime:
    """Build what the cache lacks."""
    folder = cache_dir / "runtime"
    base, own = folder / plan.base_name, folder / plan.own_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with lock_folder(folder, lambda: say("Waiting for another process that builds it …")):
            if _find_layer(base) is None:
                _build_base(plan, base, say)
            if _find_layer(own) is None:
                _build_own(plan, own)
            for kind in ("base", "own"):
                remove_old(folder, kind)
    except OSError as error:
        raise BatchxError(f"The job runtime cannot be built in {folder}: {error}") from error
    runtime = find_runtime(plan, cache_dir)
    if runtime is None:
        raise BatchxError(f"What was built in {folder} was changed meanwhile: try again.")
    return runtime


def _build_base(plan: Plan, entry: Path, say: Callable[[str], None]) -> None:
    say("Building the runtime of jobs: about a minute, once for each set of versions.")
    with open_entry(entry) as part:
        (part / TREE).mkdir()
        libraries = make_base_tree(part / TREE, plan.interpreter, plan.packages, say)
        say("Packing …")
        write_note(pack_layer(part / TREE, part / LAYER), part / NOTE)
        taken = [*libraries.files.values(), libraries.loader]
        stamps = {str(path): _stamp(path) for path in taken}
        (part / LIBRARIES).write_text(json.dumps(stamps), encoding="utf-8")


def _build_own(plan: Plan, entry: Path) -> None:
    with open_entry(entry) as part:
        (part / TREE).mkdir()
        make_own_tree(part / TREE, plan.interpreter)
        at = f"{RUNTIME_PREFIX.strip('/')}/{PLUGIN_FOLDER}"
        write_note(pack_layer(part / TREE, part / LAYER, at), part / NOTE)
        (part / LIBRARIES).write_text("{}", encoding="utf-8")


def _stamp(path: Path) -> list[int]:
    """Return what tells that a library was exchanged."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def hash_files(files: Mapping[str, Path]) -> str:
    """Return a SHA-256 (hex) of names, contents and executable bits."""
    whole = hashlib.sha256()
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        is_executable = bool(path.stat().st_mode & 0o111)
        whole.update(f"{name} {len(content)} {is_executable}\n".encode())
        whole.update(content)
    return whole.hexdigest()
