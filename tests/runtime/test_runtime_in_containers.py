"""The runtime in real containers, whatever the image's environment says."""

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tools import need_docker, need_program

from snakemake_executor_plugin_batchx.runtime.build import Runtime

pytestmark = pytest.mark.docker

APPLETS = ("sh", "cat", "cp", "rm", "mkdir", "echo", "env")

PROBE = """
import importlib, json, locale, os, pathlib, socket, subprocess, sys
import snakemake.cli, boto3, ssl, sqlite3, yaml, pydantic_core, ctypes
from importlib.metadata import version
import snakemake_executor_plugin_batchx.job.__main__
for name in ("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1"):
    ctypes.CDLL(name)
site = pathlib.Path(snakemake.__file__).parents[1]
libraries = pathlib.Path(os.__file__).parent / "lib-dynload"
for path in libraries.glob("*.so"):
    importlib.import_module(path.name.partition(".")[0])
for path in sorted(site.rglob("*.so")):
    ctypes.CDLL(str(path))
maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
print(json.dumps({
    "executable": sys.executable,
    "prefix": sys.prefix,
    "snakemake": version("snakemake"),
    "foreign": [m for m in maps if ".so" in m and " /batchx/" not in m],
    "encodings": [locale.getpreferredencoding(), sys.getfilesystemencoding(), sys.stdout.encoding],
    "localhost": socket.gethostbyname("localhost"),
    "child": subprocess.run("echo out of sh", shell=True, capture_output=True, text=True).stdout,
    "plugin": sys.modules["snakemake_executor_plugin_batchx"].__file__,
    "search": sys.path,
}))
"""

SNAKEFILE = """
rule all:
    input: "hällo.txt", "run.txt"
rule shell:
    output: "hällo.txt"
    shell: "echo ö > {output}"
rule run:
    output: "run.txt"
    run:
        import pathlib
        pathlib.Path(output[0]).write_text("ran")
"""

HOSTILE = (
    *("PYTHONHOME=/hostile", "PYTHONPATH=/hostile", "PYTHONSTARTUP=/hostile/os.py"),
    *("PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0", "PYTHONIOENCODING=latin-1"),
    *("LANG=de_DE.ISO-8859-1", "PATH=/hostile"),
)


@dataclass(frozen=True)
class Box:
    """Containers of a busybox image with the runtime mounted, as the local runner does it."""

    image: str
    runtime: Runtime
    hostile: Path

    def run(
        self, *command: str, env: Sequence[str] = (), options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        mounts = (
            f"{self.runtime.base_tree}:/batchx:ro",
            f"{self.runtime.own_tree}:/batchx/plugin:ro",
            f"{self.hostile}:/hostile:ro",
        )
        arguments = [part for mount in mounts for part in ("--volume", mount)]
        arguments += [part for variable in env for part in ("--env", variable)]
        docker = ["docker", "run", "--rm", "--network", "none", *arguments, *options]
        return subprocess.run(
            [*docker, self.image, *command], capture_output=True, text=True, check=False
        )

    def probe(self, *, env: Sequence[str] = (), options: Sequence[str] = ()) -> Any:
        done = self.run(
            "/batchx/bin/python", "-I", "-X", "utf8", "-c", PROBE, env=env, options=options
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def make_root() -> bytes:
    """Return a root folder, as tar, that has busybox and nothing else."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as root:
        root.add(shutil.which("busybox") or "", "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            root.addfile(link)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        root.addfile(folder)
    return stream.getvalue()


@pytest.fixture(scope="module")
def box(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    need_docker()
    need_program("busybox")
    hostile = tmp_path_factory.mktemp("hostile")
    for path in (runtime.base_tree / "lib").glob("*.so*"):
        (hostile / path.name).write_text("no library at all")
    # awscrt opens this one wherever it is, and falls over if it lacks a function.
    shutil.copyfile(runtime.base_tree / "lib" / "libm.so.6", hostile / "libnuma.so.1")
    for name in ("os", "json", "encodings", "sitecustomize"):
        (hostile / f"{name}.py").write_text("raise SystemExit('the image got in')\n")
    image = f"batchx-test-runtime:{os.getpid()}"
    command = ["docker", "import", "-", image]
    subprocess.run(command, input=make_root(), check=True, capture_output=True)
    try:
        yield Box(image, runtime, hostile)
    finally:
        subprocess.run(["docker", "rmi", "--force", image], check=False, capture_output=True)


@pytest.mark.parametrize(
    "env",
    [
        (),
        HOSTILE,
        (*HOSTILE, "LD_LIBRARY_PATH=/hostile"),
        ("LC_ALL=POSIX", "LD_LIBRARY_PATH=/hostile:/lib"),
    ],
    ids=["bare", "variables", "libraries", "posix"],
)
def test_it_is_itself(box: Box, env: Sequence[str]) -> None:
    seen = box.probe(env=env)
    assert seen["executable"] == "/batchx/bin/python"
    assert seen["prefix"] == "/batchx"
    assert seen["foreign"] == []
    assert {encoding.lower() for encoding in seen["encodings"]} == {"utf-8"}
    assert seen["plugin"].startswith("/batchx/plugin/")
    assert not any(folder.startswith("/hostile") for folder in seen["search"])
    if "LD_LIBRARY_PATH=/hostile" not in env:
        assert seen["child"] == "out of sh\n"


def test_libraries_of_another_linux(box: Box) -> None:
    """As in an image that points LD_LIBRARY_PATH at its own libraries, of another version, say."""
    folders = [p for p in (Path("/lib64"), *Path("/lib").glob("*-linux-gnu")) if p.is_dir()]
    mounts = [f"{folder}:/other{number}:ro" for number, folder in enumerate(folders)]
    options = [part for mount in mounts for part in ("--volume", mount)]
    search = ":".join(f"/other{number}" for number in range(len(folders)))
    assert box.probe(env=[f"LD_LIBRARY_PATH={search}"], options=options)["foreign"] == []


def test_any_user_in_a_root_that_cannot_be_written(box: Box) -> None:
    options = ["--user", "1234:1234", "--read-only", "--cap-drop", "ALL"]
    assert box.probe(options=options)["snakemake"]


def test_a_workflow(box: Box, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    done = box.run(
        *("/batchx/bin/python", "-I", "-X", "utf8", "-m", "snakemake"),
        *("--cores", "1", "--scheduler", "greedy"),
        options=["--volume", f"{tmp_path}:/work", "--workdir", "/work"],
        env=["HOME=/tmp", "USER=me"],
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "hällo.txt").read_text(encoding="utf-8") == "ö\n"
    assert (tmp_path / "run.txt").read_text() == "ran"


def test_the_job_starts(box: Box) -> None:
    """As far as a job comes without S3: it says what is wrong with the address."""
    done = box.run(
        *("/batchx/bin/python", "-I", "-m", "snakemake_executor_plugin_batchx.job"),
        *("eu-west-1", "no-s3-address"),
    )
    assert done.returncode == 1
    assert "batchx: " in done.stderr
    assert "Traceback" not in done.stderr
