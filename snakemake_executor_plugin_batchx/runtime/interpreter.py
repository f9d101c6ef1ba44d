"""The head's interpreter: what of it goes into the runtime, and whether it can."""

import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

ARCHITECTURES = {
    "x86_64": ("amd64", "ld-linux-x86-64.so.2"),
    "aarch64": ("arm64", "ld-linux-aarch64.so.1"),
}
"""By `uname -m`: the name that images use, and that of glibc's loader.

https://github.com/opencontainers/image-spec/blob/main/image-index.md,
https://sourceware.org/glibc/wiki/ABIList"""

LEFT_OUT_FOLDERS = {
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
}
"""Folders of the standard library that no job needs, or that are filled otherwise."""

LEFT_OUT_PREFIXES = ("config-", "_test", "_ctypes_test", "_tkinter", "_xxtest", "xxlimited")
"""Beginnings of folders and modules likewise: what builds and tests the interpreter, and Tk."""

LEFT_OUT_FILES = {"sitecustomize.py", "usercustomize.py", "turtle.py"}
"""The former two are the machine's own, not Python's."""


@dataclass(frozen=True)
class Interpreter:
    """A CPython that is installed on this machine; paths are absolute and free of links.

    `name` is that of its library folder and of its executable in the runtime ("python3.11");
    `library_at` says where that folder stands below the prefix ("lib/python3.11"; some
    distributions have "lib64").
    """

    executable: Path
    name: str
    standard_library: Path
    library_at: str
    architecture: str
    loader_name: str

    @property
    def identity(self) -> list[str]:
        """What distinguishes it from another build of the same version."""
        status = self.executable.stat()
        file = f"{self.executable} {status.st_size} {status.st_mtime_ns}"
        return [self.name, sys.version, str(os.confstr("CS_GNU_LIBC_VERSION")), file]


@dataclass(frozen=True)
class Machine:
    """What decides whether a runtime can be built: names as `platform` and confstr have them."""

    system: str
    processor: str
    libc: str
    implementation: str
    is_runtime: bool = False
    """Whether this Python is a job runtime itself, of which none can be made."""

    @property
    def problem(self) -> str | None:
        """Why a runtime cannot be built; None if it can."""
        if self.is_runtime:
            return "this Python is a job runtime itself"
        return find_problem(self.system, self.processor, self.libc, self.implementation)

    @property
    def architecture(self) -> str | None:
        """The architecture for which a runtime can be built, None if for none."""
        return None if self.problem else ARCHITECTURES[self.processor][0]


def inspect_machine() -> Machine:
    """Describe the machine and the Python that run this."""
    processor, python = platform.machine(), platform.python_implementation()
    is_runtime = sys.base_prefix == RUNTIME_PREFIX
    return Machine(platform.system(), processor, _read_libc(), python, is_runtime)


def inspect_interpreter() -> Interpreter:
    """Describe the interpreter that runs this, free of its virtual environment.

    Raises BatchxError if no runtime can be made of it.
    """
    machine = inspect_machine()
    problem = machine.problem
    if problem:
        raise BatchxError(
            f"The job runtime cannot be built here, for {problem}: run `batchx runtime build` on "
            "a Linux machine with glibc and the processor of your queue, or name an image that "
            "holds a runtime with --batchx-runtime-image."
        )
    library = Path(sysconfig.get_path("stdlib")).resolve()
    if not (library / "os.py").is_file():
        raise BatchxError(f"The standard library of {sys.executable} is not in {library}.")
    architecture, loader_name = ARCHITECTURES[machine.processor]
    # What a virtual environment was made from; private, but what `venv` itself relies on.
    executable = getattr(sys, "_base_executable", None) or sys.executable
    base = Path(sys.base_prefix).resolve()
    at = library.relative_to(base) if library.is_relative_to(base) else Path("lib", library.name)
    return Interpreter(
        executable=Path(executable).resolve(),
        name=library.name,
        standard_library=library,
        library_at=at.as_posix(),
        architecture=architecture,
        loader_name=loader_name,
    )


def find_problem(system: str, machine: str, libc: str, implementation: str) -> str | None:
    """Return why a head cannot build the runtime, to be put after "for"; None if it can."""
    if system != "Linux":
        return f"this machine runs {system} and jobs run on Linux"
    if implementation != "CPython":
        return f"this Python is {implementation} and only CPython is supported"
    if not libc.startswith("glibc"):
        return "this Python uses another C library than glibc (musl, say)"
    if machine not in ARCHITECTURES:
        return f"its processor is {machine} and batchx knows {' and '.join(ARCHITECTURES)}"
    return None


def _read_libc() -> str:
    """Return glibc's name and version, or "" for another C library."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


def ask_site_folder(interpreter: Interpreter) -> str:
    """Return where this interpreter, once it stands at RUNTIME_PREFIX, looks for packages.

    A path below that prefix. Debian's looks in dist-packages, where others look in site-packages.
    """
    question = f"import site; print('\\n'.join(site.getsitepackages(['{RUNTIME_PREFIX}'])))"
    command = [str(interpreter.executable), "-I", "-S", "-c", question]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    folders = [line.removeprefix(f"{RUNTIME_PREFIX}/") for line in answer.split("\n") if line]
    usual = f"{interpreter.library_at}/site-packages"
    return usual if usual in folders else folders[-1]


def list_standard_library(interpreter: Interpreter) -> Iterator[tuple[str, Path]]:
    """Yield what jobs may need of the standard library: path below the prefix, and file."""
    top = interpreter.standard_library
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(f for f in folders if not _is_left_out(f))
        at = Path(interpreter.library_at, Path(folder).relative_to(top))
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_file() and not _is_left_out(name):
                yield str(at / name), path


def _is_left_out(name: str) -> bool:
    return (
        name in LEFT_OUT_FOLDERS
        or name in LEFT_OUT_FILES
        or name.startswith(LEFT_OUT_PREFIXES)
        or name.endswith((".pyc", ".a"))
    )
