"""What a builder elsewhere is told: the same for the same head, and all that counts."""

import dataclasses
import json
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.account_build.order import choose_image, make_build_command
from snakemake_executor_plugin_batchx.account_build.recipe import Recipe, plan_recipe

MAX_OVERRIDES_CHARACTERS = 8192
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html"""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return plan_recipe("arm64")


def test_versions_are_those_of_this_head(recipe: Recipe) -> None:
    assert recipe.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    pinned = f"snakemake=={metadata.version('snakemake')}"
    assert pinned in recipe.requirements.splitlines()
    assert pinned in recipe.constraints.splitlines()
    plugin = f"snakemake-storage-plugin-s3=={metadata.version('snakemake-storage-plugin-s3')}"
    assert plugin in recipe.requirements.splitlines()
    # What another system may not need is a constraint, not a requirement.
    yaml = f"pyyaml=={metadata.version('pyyaml')}"
    assert yaml in recipe.constraints.splitlines()
    assert yaml not in recipe.requirements.splitlines()


def test_the_name_tells_all_that_counts(recipe: Recipe, tmp_path: Path) -> None:
    assert plan_recipe("arm64").name == recipe.name
    edited = tmp_path / "edited.py"
    edited.write_text("x = 1\n")
    changed = [
        plan_recipe("amd64"),
        dataclasses.replace(recipe, python="3.99"),
        dataclasses.replace(recipe, versions={**recipe.versions, "snakemake": "9.99"}),
        dataclasses.replace(recipe, files={**recipe.files, "edited.py": edited}),
    ]
    assert len({recipe.name, *(each.name for each in changed)}) == 5


def test_the_archive_holds_what_the_builder_imports(recipe: Recipe, tmp_path: Path) -> None:
    with tarfile.open(recipe.write(tmp_path)) as tar:
        tar.extractall(tmp_path / "recipe", filter="data")
    assert (tmp_path / "recipe/requirements.txt").read_text() == recipe.requirements
    assert (tmp_path / "recipe/constraints.txt").read_text() == recipe.constraints
    where = "import snakemake_executor_plugin_batchx.account_build.__main__ as m; print(m.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", where],
        env={"PYTHONPATH": str(tmp_path / "recipe")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path))


def test_the_command_is_short_and_starts_without_batchx(recipe: Recipe) -> None:
    command = make_build_command(recipe, "eu-west-1", "b" * 63, "k" * 1024)
    assert len(json.dumps({"command": command})) < MAX_OVERRIDES_CHARACTERS
    assert command[0] == "python3"
    # Another processor than the one asked for: it says so before it does anything.
    foreign = dataclasses.replace(recipe, architecture="arm64")
    start = [sys.executable, "-I", "-S", *make_build_command(foreign, "r", "b", "k")[1:]]
    start[5] = "sparc"
    done = subprocess.run(start, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "and sparc was expected" in done.stderr
    assert done.stdout == ""


def test_the_image_is_public_and_of_the_same_python() -> None:
    assert choose_image("3.12") == "public.ecr.aws/docker/library/python:3.12-slim"
