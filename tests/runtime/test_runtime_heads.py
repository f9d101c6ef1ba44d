"""Heads of other shapes than the one that runs the tests; each builds a runtime that works.

The builder checks what it built by importing from it what jobs import.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.build import Runtime, provide_runtime
from snakemake_executor_plugin_batchx.runtime.interpreter import Interpreter, inspect_interpreter
from snakemake_executor_plugin_batchx.runtime.libraries import find_libraries, find_patchelf

pytestmark = pytest.mark.slow

BUILD = """
import json, sys
from pathlib import Path
from snakemake_executor_plugin_batchx.runtime.build import plan_runtime, provide_runtime
runtime = provide_runtime(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr))
tree = str(runtime.base_tree)
print(json.dumps([tree, str(plan_runtime().interpreter.executable), runtime.layers[0].digest]))
"""


def build(python: Path, cache: Path) -> tuple[Path, str, str]:
    """Build with another interpreter and the packages of this one; see its tree, itself, digest."""
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    packages.append(str(Path(__file__).parents[2]))
    environment = {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(packages),
        "HOME": str(cache),
    }
    command = [str(python), "-c", BUILD, str(cache)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tree, executable, digest = json.loads(done.stdout.splitlines()[-1])
    return Path(tree), executable, digest


def call_patchelf(*arguments: str | Path) -> None:
    subprocess.run([find_patchelf(), *arguments], check=True)


def make_conda_shape(interpreter: Interpreter, prefix: Path) -> Path:
    """Copy an interpreter as conda lays it out: its own libraries, found relative to itself."""
    libraries = prefix / "lib"
    shutil.copytree(
        interpreter.standard_library,
        libraries / interpreter.name,
        ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__", "config-*"),
    )
    python = prefix / "bin" / "python"
    python.parent.mkdir()
    shutil.copy(interpreter.executable, python.parent / interpreter.name)
    python.symlink_to(interpreter.name)
    modules = list((libraries / interpreter.name / "lib-dynload").glob("*.so"))
    for name, path in find_libraries(interpreter, modules).files.items():
        if name.startswith(("libpython", "libssl", "libcrypto", "libffi", "libsqlite3", "libz")):
            shutil.copy(path, libraries / name)
            call_patchelf("--force-rpath", "--set-rpath", "$ORIGIN", libraries / name)
    call_patchelf("--force-rpath", "--set-rpath", "$ORIGIN/../lib", python.resolve())
    for module in modules:
        call_patchelf("--set-rpath", "$ORIGIN/../..", module)  # a RUNPATH: the worse case
    return python


def test_conda_shape(tmp_path: Path) -> None:
    python = make_conda_shape(inspect_interpreter(), tmp_path / "conda")
    tree, executable, _ = build(python, tmp_path / "cache")
    assert executable == str(python.resolve())
    taken = json.loads((tree.parent / "libraries.json").read_text())
    mine = {str(path) for path in python.parents[1].glob("lib/*.so*")}
    assert mine
    assert mine <= set(taken)


def test_linux_distributions_own(tmp_path: Path) -> None:
    """Debian's looks for packages in dist-packages, Fedora's in lib64."""
    python = Path("/usr/bin/python3")
    code = "import sys; print(*sys.version_info[:2])"
    asked = [str(python), "-c", code]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    version = "{} {}".format(*sys.version_info[:2])
    if found.stdout.strip() != version:
        pytest.skip(f"{python} is not of the version whose packages are installed here")
    tree, executable, _ = build(python, tmp_path / "cache")
    assert executable == str(python.resolve())
    assert (tree / "bin" / "python").resolve().is_file()


def test_virtual_environment_with_copies(
    runtime: Runtime, runtime_cache: Path, tmp_path: Path
) -> None:
    """The same interpreter and packages: so the same runtime, wherever they stand."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--copies", folder], check=True)
    digest = build(folder / "bin" / "python", tmp_path / "cache")[2]
    # Asked for again: a package may have been edited since the first test.
    now = provide_runtime(runtime_cache, print)
    assert now.architecture == runtime.architecture
    assert digest == now.layers[0].digest
