"""Wheel and sdist: what is in them, and that each installs into an empty environment and works."""

import email.message
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pathspec
import pytest

from housekeeping.release import ROOT, VERSION_FILE, read_version

PACKAGE = "snakemake_executor_plugin_batchx"
VERSION = read_version((ROOT / VERSION_FILE).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Distributions:
    """The two files that a release publishes."""

    wheel: Path
    sdist: Path

    def list_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def list_sdist(self) -> set[str]:
        """Return its files' paths below its one folder."""
        with tarfile.open(self.sdist) as archive:
            names = [member.name for member in archive.getmembers() if not member.isdir()]
        return {name.partition("/")[2] for name in names}

    def read_metadata(self) -> email.message.Message:
        name = f"{PACKAGE}-{VERSION}.dist-info/METADATA"
        with zipfile.ZipFile(self.wheel) as archive:
            return email.message_from_bytes(archive.read(name))


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def list_sources() -> Iterator[str]:
    """Yield the files of this checkout, or of an unpacked sdist, that git does not ignore."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines([*lines, "/.git", "/PKG-INFO"])
    for folder, subfolders, files in os.walk(ROOT):
        below = Path(folder).relative_to(ROOT)
        subfolders[:] = [name for name in subfolders if not ignored.match_file(below / f"{name}/")]
        paths = [(below / name).as_posix() for name in files]
        yield from (path for path in paths if not ignored.match_file(path))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist of this tree, and the wheel that the sdist makes."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


def test_twine_finds_nothing(built: Distributions) -> None:
    run(
        *(sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.sdist),
        cwd=built.wheel.parent,
    )


def test_the_version_is_that_of_version_py(built: Distributions) -> None:
    assert built.wheel.name == f"{PACKAGE}-{VERSION}-py3-none-any.whl"
    assert built.sdist.name == f"{PACKAGE}-{VERSION}.tar.gz"
    assert built.read_metadata()["Version"] == VERSION


def test_the_wheel_holds_the_package_its_examples_and_nothing_else(built: Distributions) -> None:
    sources = set(list_sources())
    code = {path for path in sources if path.startswith(f"{PACKAGE}/")}
    examples = {f"{PACKAGE}/{path}" for path in sources if path.startswith("examples/")}
    about = {
        f"{PACKAGE}-{VERSION}.dist-info/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert built.list_wheel() == code | examples | about
    assert f"{PACKAGE}/py.typed" in code
    assert f"{PACKAGE}/examples/outbreak/Snakefile" in examples


def test_the_sdist_holds_all_that_a_checkout_holds(built: Distributions) -> None:
    """So tests and make's targets run from it."""
    assert built.list_sdist() == {*list_sources(), "PKG-INFO"}


def test_the_page_of_an_index_has_no_links_into_a_checkout(built: Distributions) -> None:
    text = built.read_metadata().get_payload()
    assert isinstance(text, str)
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not link.startswith("https://")] == []
    assert "using batchx: settings" in text, "the text of links stays"


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_each_installs_into_an_empty_environment(
    built: Distributions, kind: str, tmp_path: Path
) -> None:
    """An environment of its own, which finds what the package needs where the tests find it."""
    home = tmp_path / "environment"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home)
    # Editable installs do not come along: a .pth file's folders are searched, not their .pth files.
    (Path(site.strip()) / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    alone = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed")
    run(*pip, "install", *alone, getattr(built, kind), cwd=tmp_path)

    where = run(python, "-c", f"import {PACKAGE} as it; print(it.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(home)
    assert os.access(Path(where.strip()).parent / "job" / "standin" / "apptainer", os.X_OK)
    assert run(home / "bin" / "batchx", "--version", cwd=tmp_path) == f"batchx {VERSION}\n"
    assert "demo" in run(home / "bin" / "batchx", "--help", cwd=tmp_path)
    if kind == "wheel":
        shown = run(python, "-m", "snakemake", "--help", cwd=tmp_path)
        assert "--batchx-job-queue" in shown
        assert re.search(r"--executor[\s\S]*\bbatchx\b", shown)
