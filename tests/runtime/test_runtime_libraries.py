"""The shared libraries of a built runtime."""

import subprocess
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.build import Runtime
from snakemake_executor_plugin_batchx.runtime.interpreter import inspect_interpreter
from snakemake_executor_plugin_batchx.runtime.inventory import Package
from snakemake_executor_plugin_batchx.runtime.libraries import (
    LIBRARY_FOLDER,
    find_patchelf,
    is_elf,
    list_search_path,
)
from snakemake_executor_plugin_batchx.runtime.tree import check_tree


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("/home/me/python/lib", ["/batchx/lib"]),
        ("$ORIGIN/../numpy.libs", ["$ORIGIN/../numpy.libs", "/batchx/lib"]),
        ("${ORIGIN}/../..:/opt/lib", ["${ORIGIN}/../..", "/batchx/lib"]),
    ],
)
def test_search_path(search: str, expected: list[str]) -> None:
    assert list_search_path(search) == expected


def ask_patchelf(option: str, path: Path) -> list[str]:
    command = [find_patchelf(), option, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_executable_uses_the_runtime_alone(runtime: Runtime) -> None:
    interpreter = inspect_interpreter()
    executable = runtime.base_tree / "bin" / interpreter.name
    (loader,) = ask_patchelf("--print-interpreter", executable)
    assert loader == f"{LIBRARY_FOLDER}/{interpreter.loader_name}"
    assert (runtime.base_tree / "lib" / interpreter.loader_name).is_file()
    assert ask_patchelf("--print-rpath", executable) == [LIBRARY_FOLDER]


def test_every_library_is_there(runtime: Runtime) -> None:
    files = [p for p in runtime.base_tree.rglob("*") if p.is_file() and is_elf(p)]
    present = {path.name for path in files}
    needed = {name for path in files for name in ask_patchelf("--print-needed", path)}
    assert {"libc.so.6", "libm.so.6"} <= needed
    assert needed - present == set()


def test_what_compiled_packages_take_for_granted_is_there(runtime: Runtime) -> None:
    present = {path.name for path in (runtime.base_tree / "lib").iterdir()}
    assert {"libz.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libnss_dns.so.2"} <= present


def test_what_does_not_work_is_noticed(runtime: Runtime) -> None:
    """A storage plugin of the head that the runtime cannot import, say."""
    lacking = Package("snakemake-storage-plugin-lacking", "1.0", {})
    with pytest.raises(BatchxError, match="snakemake_storage_plugin_lacking"):
        check_tree(runtime.base_tree, inspect_interpreter(), [lacking])
    check_tree(runtime.base_tree, inspect_interpreter(), [])
