"""Which conda environments jobs make, and what names them."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.deployment.conda import CondaEnvDirSpec, CondaEnvFileSpec, CondaEnvNameSpec
from snakemake.settings.types import DeploymentMethod
from snakemake.sourcecache import LocalSourceFile, SourceCache

from snakemake_executor_plugin_batchx.spec import StepEnvironment
from snakemake_executor_plugin_batchx.workflow.environments import (
    hash_environment,
    iter_step_environments,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "envs"
    folder.mkdir()
    (folder / "env.yaml").write_text("dependencies: [tool]\n")
    return folder


def hash_now(folder: Path, name: str = "env.yaml") -> str | None:
    """Hash as a new run does, which has read nothing yet."""
    cache = SourceCache(folder.parent / "cache")
    return hash_environment(LocalSourceFile(str(folder / name)), cache)


@pytest.mark.parametrize("name", ["env.yaml", "env.linux-64.pin.txt", "env.post-deploy.sh"])
def test_the_hash_tells_what_an_environment_is_made_of(folder: Path, name: str) -> None:
    seen = {hash_now(folder)}
    for text in ("one\n", "two\n", ""):
        (folder / name).write_text(text)
        seen.add(hash_now(folder))
    # An empty companion says no more than none.
    assert len(seen) == (4 if name == "env.yaml" else 3)


def test_the_hash_does_not_tell_where_an_environment_stands(folder: Path) -> None:
    (folder / "other.yaml").write_text((folder / "env.yaml").read_text())
    (folder / "unrelated.txt").touch()
    assert hash_now(folder) == hash_now(folder, "other.yaml")
    assert len(hash_now(folder) or "") == 64


def test_what_cannot_be_read_has_no_hash(folder: Path) -> None:
    assert hash_now(folder, "missing.yaml") is None


def iter_steps(folder: Path) -> Iterator[Any]:
    specs = {
        "file": CondaEnvFileSpec(LocalSourceFile(str(folder / "env.yaml"))),
        "missing": CondaEnvFileSpec(LocalSourceFile(str(folder / "missing.yaml"))),
        "name": CondaEnvNameSpec("base"),
        "dir": CondaEnvDirSpec(folder),
        "none": None,
    }
    for name, spec in specs.items():
        rule = SimpleNamespace(name=name)
        step = SimpleNamespace(rule=rule, wildcards_dict={"n": 1}, conda_env_spec=spec)
        yield SimpleNamespace(**vars(step), is_containerized=False)
    # The image of a `containerized:` rule holds its environment.
    held = SimpleNamespace(rule=SimpleNamespace(name="held"), wildcards_dict={"n": 1})
    yield SimpleNamespace(**vars(held), conda_env_spec=specs["file"], is_containerized=True)


@pytest.mark.parametrize(
    ("methods", "rules"),
    [
        ({DeploymentMethod.CONDA, DeploymentMethod.APPTAINER}, ["file"]),
        ({DeploymentMethod.APPTAINER}, []),
    ],
)
def test_environments_of_files_are_kept_where_conda_is_used(
    folder: Path, methods: set[DeploymentMethod], rules: list[str]
) -> None:
    workflow = SimpleNamespace(
        deployment_settings=SimpleNamespace(deployment_method=methods),
        sourcecache=SourceCache(folder.parent / "cache"),
    )
    found = list(iter_step_environments(list(iter_steps(folder)), workflow))
    content = hash_now(folder)
    assert found == [StepEnvironment(rule, {"n": "1"}, content or "") for rule in rules]
