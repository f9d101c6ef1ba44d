"""The import rules of pyproject.toml are kept here, and each is seen to be broken where it is."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from housekeeping.release import ROOT

RULES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PACKAGE = RULES["root_package"]
OUTSIDER = f"{PACKAGE}.conductor"
"""A module that no rule allows to be imported, and that none allows to import what it protects."""


def lint(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [word for each in contracts for word in ("--contract", each)]
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-logo", "--no-cache", *chosen],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def find_module(folder: Path, name: str) -> Path:
    path = folder / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def plant(folder: Path, contract: dict[str, Any]) -> None:
    """Break a rule: import something at the end of a module that may not."""
    if contract["type"] == "imports_only":
        importer, imported = f"{PACKAGE}.{contract['part']}", [OUTSIDER]
    else:
        importer, imported = OUTSIDER, contract["protected_modules"]
    with find_module(folder, importer).open("a", encoding="utf-8") as module:
        module.writelines(f"import {name}\n" for name in imported)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its rules."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=ignored)
    return tmp_path


def test_all_rules_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_can_be_broken(copy: Path) -> None:
    for contract in RULES["contracts"]:
        plant(copy, contract)
    done = lint(copy)
    assert done.returncode == 1
    kept = [
        each["name"] for each in RULES["contracts"] if f"{each['name']} BROKEN" not in done.stdout
    ]
    assert kept == []
    assert f"- {PACKAGE}.spec -> {OUTSIDER} (l. " in done.stdout


def test_a_rule_about_nothing_is_an_error(copy: Path) -> None:
    project = copy / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace('part = "job"', 'part = "jobs"'), encoding="utf-8")
    done = lint(copy, "job")
    assert done.returncode == 1
    assert "has no jobs." in done.stdout + done.stderr
