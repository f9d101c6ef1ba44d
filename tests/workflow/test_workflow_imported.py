"""Which packages go along: what parsing imported and a job's runtime lacks."""

import importlib.metadata
import json
import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.workflow.imported import (
    Imported,
    ImportedModule,
    Installed,
    choose_packages,
    find_place,
)


class Site:
    """A folder of installed distributions, made by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owners: dict[str, tuple[str, ...]] = {}

    def add(
        self, name: str, *files: str, requires: tuple[str, ...] = (), edited: str | None = None
    ) -> None:
        """Install a distribution with some files; with `edited` its code lies there."""
        info = f"{name}-1.0.dist-info"
        lines = [f"Requires-Dist: {each}\n" for each in requires]
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{''.join(lines)}"
        self.write(f"{info}/METADATA", text)
        if edited is not None:
            told = {"url": f"file://{edited}", "dir_info": {"editable": True}}
            self.write(f"{info}/direct_url.json", json.dumps(told))
        for file in files:
            if not file.startswith(".."):
                self.write(file, "")
            self.owners.setdefault(file.split("/")[0], ())
        record = [*files, f"{info}/METADATA", f"{info}/RECORD"]
        self.write(f"{info}/RECORD", "".join(f"{each},,\n" for each in record))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def choose(self, owners: dict[str, tuple[str, ...]], **places: str) -> Imported:
        """Return what goes along for modules, given by the path of their file."""
        found = importlib.metadata.distributions(path=[str(self.folder)])
        installed = Installed({each.name: each for each in found}, owners)
        modules = {
            top: ImportedModule(
                str(self.folder / file).removesuffix("/__init__.py"),
                frozenset({os.path.realpath(self.folder / file)}),
            )
            for top, file in places.items()
        }
        return choose_packages(modules, installed)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site")
    site.add("snakemake", "snakemake/__init__.py", requires=("yaml", "extra; extra == 'x'"))
    site.add("yaml", "yaml/__init__.py", "_yaml.so")
    site.add("extra", "extra/__init__.py")
    return site


def name_files(imported: Imported) -> set[str]:
    return {name for name, _ in imported.files if ".dist-info/" not in name}


def test_what_the_runtime_has_stays(site: Site) -> None:
    owners = {"yaml": ("yaml",), "extra": ("extra",)}
    imported = site.choose(owners, yaml="yaml/__init__.py", extra="extra/__init__.py")
    # An extra that nobody asked for is no part of the runtime.
    assert imported.modules == ("extra",)


def test_a_distribution_goes_whole_with_what_it_needs(site: Site) -> None:
    files = ("frames/__init__.py", "frames/data.bin", "frames.libs/lib.so", "../../bin/frames")
    site.add("frames", *files, "frames/__pycache__/x.pyc", requires=("arrays[fast]>=1", "gone"))
    site.add("arrays", "arrays.py", requires=("quick; extra == 'fast'", "slow; extra == 'slow'"))
    site.add("quick", "quick.so")
    site.add("slow", "slow.py")
    imported = site.choose({"frames": ("frames",)}, frames="frames/__init__.py")
    expected = {"frames/__init__.py", "frames/data.bin", "frames.libs/lib.so"}
    assert name_files(imported) == expected | {"arrays.py", "quick.so"}
    assert ("frames-1.0.dist-info/METADATA") in dict(imported.files)


def test_a_shared_namespace_brings_only_what_is_in_use(site: Site) -> None:
    site.add("cloud-a", "cloud/a.py")
    site.add("cloud-b", "cloud/b.py")
    imported = site.choose({"cloud": ("cloud-a", "cloud-b")}, cloud="cloud/b.py")
    assert name_files(imported) == {"cloud/b.py"}


def test_a_module_of_no_distribution_goes_with_its_folder(site: Site) -> None:
    site.write("lab/__init__.py", "")
    site.write("lab/deep/data.txt", "")
    site.write("lab/__pycache__/x.pyc", "")
    site.write("single.py", "")
    imported = site.choose({}, lab="lab/__init__.py", single="single.py")
    assert name_files(imported) == {"lab/__init__.py", "lab/deep/data.txt", "single.py"}


def test_a_package_installed_to_be_edited_goes_with_its_metadata(
    site: Site, tmp_path: Path
) -> None:
    edited = tmp_path / "checkout"
    (edited / "src" / "lab").mkdir(parents=True)
    (edited / "src" / "lab" / "__init__.py").write_text("")
    site.add("lab-tools", "lab.pth", edited=str(edited))
    imported = site.choose({}, lab=str(edited / "src" / "lab" / "__init__.py"))
    assert {"lab/__init__.py", "lab-tools-1.0.dist-info/METADATA"} <= dict(imported.files).keys()


def test_the_key_changes_with_the_files_and_only_then(site: Site) -> None:
    site.write("lab.py", "X = 1\n")
    before = site.choose({}, lab="lab.py").make_key()
    assert site.choose({}, lab="lab.py").make_key() == before
    os.utime(site.folder / "lab.py", (1, 1))
    assert site.choose({}, lab="lab.py").make_key() != before


def test_places_of_modules() -> None:
    assert find_place("json", json) == os.path.dirname(json.__file__)
    assert find_place("os", os) == os.__file__
    assert find_place("none", object()) is None
