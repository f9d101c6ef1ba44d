"""The draft of the Bioconda recipe asks for what the package asks for, by conda's names."""

import re
import tomllib
from typing import Any

import jinja2
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from housekeeping.release import CHANGELOG, ROOT, VERSION_FILE, list_sections, read_version

CONDA_NAMES = {"snakemake": "snakemake-minimal"}
"""Where conda's name of a package is another than the index's."""

CONDA_EXTRAS = {"boto3[crt]": "awscrt"}
"""The package that stands in a recipe for an extra: conda knows none."""


def read_recipe() -> dict[str, Any]:
    text = (ROOT / "packaging" / "bioconda" / "meta.yaml").read_text(encoding="utf-8")
    filled = (
        jinja2.Environment(undefined=jinja2.StrictUndefined)
        .from_string(text)
        .render(
            PYTHON="python",
            pin_subpackage=lambda name, max_pin: f"{name} {max_pin}",
        )
    )
    recipe = yaml.safe_load(filled)
    assert isinstance(recipe, dict)
    return recipe


def read_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def translate(requirement: str) -> set[tuple[str, str]]:
    """Return conda's packages for one of the index's, with their versions in order."""
    asked = Requirement(requirement)
    found = {(CONDA_NAMES.get(asked.name, asked.name), sort_versions(str(asked.specifier)))}
    extras = {CONDA_EXTRAS[f"{asked.name}[{extra}]"] for extra in asked.extras}
    return found | {(extra, "") for extra in extras}


def sort_versions(versions: str) -> str:
    return ",".join(sorted(versions.replace(" ", "").split(",")))


def read_conda(requirement: str) -> tuple[str, str]:
    name, _, versions = requirement.partition(" ")
    return name, sort_versions(versions)


RECIPE, PROJECT = read_recipe(), read_project()


def test_it_runs_with_what_the_package_depends_on() -> None:
    asked = {pair for each in PROJECT["project"]["dependencies"] for pair in translate(each)}
    python = ("python", PROJECT["project"]["requires-python"])
    assert {read_conda(each) for each in RECIPE["requirements"]["run"]} == {python, *asked}


def test_it_is_built_with_what_builds_the_package() -> None:
    asked = {pair for each in PROJECT["build-system"]["requires"] for pair in translate(each)}
    host = {read_conda(each) for each in RECIPE["requirements"]["host"]}
    assert host == {("python", PROJECT["project"]["requires-python"]), ("pip", ""), *asked}


def test_its_commands_are_the_package_s() -> None:
    scripts = [f"{name} = {target}" for name, target in PROJECT["project"]["scripts"].items()]
    assert RECIPE["build"]["entry_points"] == scripts


def test_it_is_of_a_version_that_is_or_comes() -> None:
    here = read_version((ROOT / VERSION_FILE).read_text(encoding="utf-8"))
    sections = list_sections((ROOT / CHANGELOG).read_text(encoding="utf-8"))
    version = RECIPE["package"]["version"]
    assert version in {Version(here).base_version, *(each.name for each in sections)}
    name = PROJECT["project"]["name"]
    assert RECIPE["source"]["url"].endswith(f"/s/{name}/{name.replace('-', '_')}-{version}.tar.gz")
    assert re.fullmatch(r"[0-9a-f]{64}", RECIPE["source"]["sha256"])
    assert RECIPE["about"]["summary"] == PROJECT["project"]["description"]


@pytest.mark.parametrize("module", RECIPE["test"]["imports"])
def test_what_it_imports_is_there(module: str) -> None:
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
