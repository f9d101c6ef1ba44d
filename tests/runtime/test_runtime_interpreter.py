"""The head's interpreter: what is taken of it, and where a runtime cannot be built."""

import sys

import pytest

from snakemake_executor_plugin_batchx.runtime.interpreter import (
    ARCHITECTURES,
    Machine,
    ask_site_folder,
    find_problem,
    inspect_interpreter,
    inspect_machine,
    list_standard_library,
)


@pytest.mark.parametrize(
    ("system", "machine", "libc", "implementation", "word"),
    [
        ("Darwin", "arm64", "", "CPython", "Darwin"),
        ("Linux", "x86_64", "", "CPython", "musl"),
        ("Linux", "riscv64", "glibc 2.36", "CPython", "riscv64"),
        ("Linux", "x86_64", "glibc 2.36", "PyPy", "PyPy"),
    ],
)
def test_cannot(system: str, machine: str, libc: str, implementation: str, word: str) -> None:
    problem = find_problem(system, machine, libc, implementation)
    assert problem
    assert word in problem


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_can(machine: str) -> None:
    assert find_problem("Linux", machine, "glibc 2.17", "CPython") is None


def test_a_machine_builds_for_itself_or_not_at_all() -> None:
    assert Machine("Linux", "aarch64", "glibc 2.36", "CPython").architecture == "arm64"
    assert Machine("Darwin", "arm64", "", "CPython").architecture is None
    assert inspect_machine().architecture == inspect_interpreter().architecture


def test_this_interpreter() -> None:
    interpreter = inspect_interpreter()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert interpreter.name.startswith(version)
    assert interpreter.executable.is_file()
    assert str(interpreter.executable) in "".join(interpreter.identity)
    assert ask_site_folder(interpreter).startswith("lib")


def test_standard_library() -> None:
    interpreter = inspect_interpreter()
    files = dict(list_standard_library(interpreter))
    at = interpreter.library_at
    assert {f"{at}/os.py", f"{at}/json/__init__.py", f"{at}/unittest/case.py"} <= files.keys()
    folders = {part for name in files for part in name.split("/")[:-1]}
    assert not folders & {"test", "tests", "idlelib", "ensurepip", "site-packages", "__pycache__"}
