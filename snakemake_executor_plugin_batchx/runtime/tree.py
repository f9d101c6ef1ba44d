"""The folder that becomes `/batchx`: interpreter, standard library, packages, libraries.

bin/python, bin/python3.X     the interpreter
lib/*.so*                     its C library, loader and shared libraries
lib/python3.X/…               standard library and packages
plugin/                       where this plugin is put, by a layer of its own
"""

import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.bytecode import compile_tree
from snakemake_executor_plugin_batchx.runtime.interpreter import (
    Interpreter,
    ask_site_folder,
    list_standard_library,
)
from snakemake_executor_plugin_batchx.runtime.inventory import Package
from snakemake_executor_plugin_batchx.runtime.layer import choose_mode
from snakemake_executor_plugin_batchx.runtime.libraries import (
    Libraries,
    bind_to_runtime,
    find_libraries,
    is_elf,
    place_libraries,
)
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

PLUGIN_FOLDER = "plugin"

PACKAGE = "snakemake_executor_plugin_batchx"

JOB_PARTS = ("job", "plan", "storage")
"""The folders of this plugin that jobs need, beside the modules that stand in none."""

CHECKED_MODULES = ("snakemake.cli", "snakemake.api", "boto3", "ssl", "sqlite3", "lzma", "bz2")

CHECK = """
import importlib, sys, boto3
from importlib.metadata import version
for name in sys.argv[1:]:
    importlib.import_module(name)
boto3.client("s3", region_name="eu-west-1"), boto3.client("sts", region_name="eu-west-1")
version("snakemake"), version("boto3")
"""
"""What every job does, and what fails where something was left out that is needed."""


def make_base_tree(
    tree: Path,
    interpreter: Interpreter,
    packages: Sequence[Package],
    say: Callable[[str], None],
) -> Libraries:
    """Fill an empty folder with everything but this plugin; return the libraries it took."""
    library = dict(list_standard_library(interpreter))
    site = ask_site_folder(interpreter)
    modules = {f"{site}/{at}": path for p in packages for at, path in p.files.items()}
    say(f"Copying {interpreter.name}, {len(packages)} packages and their libraries …")
    copy_files({**library, **modules}, tree)
    (tree / "bin").mkdir()
    executable = tree / "bin" / interpreter.name
    shutil.copyfile(interpreter.executable, executable)
    executable.chmod(0o755)
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to(interpreter.name)
    # pkgutil.iter_modules, by which Snakemake finds plugins, sees plain folders on sys.path.
    (tree / site / "batchx.pth").write_text(f"{RUNTIME_PREFIX}/{PLUGIN_FOLDER}\n", encoding="ascii")
    (tree / PLUGIN_FOLDER).mkdir()
    compiled = [path for path in {**library, **modules}.values() if _may_be_elf(path)]
    libraries = find_libraries(interpreter, compiled)
    place_libraries(libraries, tree, interpreter.loader_name)
    bind_to_runtime(tree, interpreter)
    say("Compiling …")
    compile_tree(interpreter, tree, RUNTIME_PREFIX)
    set_modes(tree)
    check_tree(tree, interpreter, packages)
    return libraries


def make_own_tree(tree: Path, interpreter: Interpreter) -> None:
    """Fill an empty folder with this plugin, as far as jobs need it."""
    copy_files(list_own_files(), tree)
    compile_tree(interpreter, tree, f"{RUNTIME_PREFIX}/{PLUGIN_FOLDER}")
    set_modes(tree)


def list_own_files(also: Collection[str] = ()) -> dict[str, Path]:
    """Return this plugin's files by their path below sys.path, wherever it is imported from.

    They are what jobs need, and the parts named by `also`.
    """
    top = Path(__file__).parents[1]
    parts = [top / name for name in (*JOB_PARTS, *also)]
    files = [*top.glob("*"), *(path for part in parts for path in part.rglob("*"))]
    return {
        f"{PACKAGE}/{path.relative_to(top).as_posix()}": path
        for path in sorted(files)
        if path.is_file() and "__pycache__" not in path.parts
    }


def copy_files(files: Mapping[str, Path], tree: Path) -> None:
    """Copy files to their paths below `tree`; what links point to is copied."""
    for folder in {(tree / at).parent for at in files}:
        folder.mkdir(parents=True, exist_ok=True)
    for at, path in files.items():
        target = tree / at
        shutil.copyfile(path, target)
        target.chmod(choose_mode(path.stat().st_mode))


def set_modes(tree: Path) -> None:
    """Let every user of a container read the tree, whatever the umask was."""
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else choose_mode(path.stat().st_mode))


def check_tree(tree: Path, interpreter: Interpreter, packages: Sequence[Package]) -> None:
    """Let the new runtime import what jobs import. Raises BatchxError if it cannot.

    It does not stand at its prefix yet, so its loader is told where the libraries are.
    """
    plugins = [p.name.replace("-", "_") for p in packages if "storage-plugin" in p.name]
    library = tree / "lib"
    done = subprocess.run(
        [
            *(library / interpreter.loader_name, "--library-path", library),
            *(tree / "bin" / interpreter.name, "-I", "-B", "-c", CHECK),
            *(*CHECKED_MODULES, *plugins),
        ],
        capture_output=True,
        text=True,
        env={},
        cwd=tree,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BatchxError(f"The job runtime that was built here does not work: {last}")


def _may_be_elf(path: Path) -> bool:
    return path.suffix != ".py" and is_elf(path)
