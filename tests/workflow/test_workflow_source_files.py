"""Which files go along, for a workflow of plain stand-ins."""

import contextlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.deployment.conda import CondaEnvFileSpec
from snakemake.sourcecache import LocalSourceFile

from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord
from snakemake_executor_plugin_batchx.workflow.source_files import collect_source_files


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in (
        "Snakefile",
        "envs/tool.yaml",
        "envs/tool.linux-64.pin.txt",
        "envs/tool.post-deploy.sh",
        "envs/other.yaml",
        "scripts/a.py",
        "scripts/helper.py",
        "results/read.txt",
        "results/made.txt",
        "table.txt",
        "lib.pyc",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


NO_RULE = {"script": None, "notebook": None, "conda_env": None}


def collect(
    project: Path, opened: tuple[str, ...] = (), *, relatively: bool = True, **rule: Any
) -> list[str]:
    basedir = LocalSourceFile(str(project))
    made = ("results/read.txt", "results/made.txt")
    env = CondaEnvFileSpec(LocalSourceFile(str(project / "envs/tool.yaml")))
    job = SimpleNamespace(output=made, input=(), log=(), benchmark=None, conda_env_spec=env)
    workflow = SimpleNamespace(
        included=[LocalSourceFile(str(project / "Snakefile"))],
        workdir_init=str(project),
        configfiles=["results/made.txt"],
        rules=[SimpleNamespace(**{**NO_RULE, "basedir": basedir, **rule})],
        dag=SimpleNamespace(jobs=[job]),
    )
    paths = frozenset(os.path.normpath(project / name) for name in opened)
    record = ParseRecord(opened=paths, opened_relatively=paths if relatively else frozenset())
    with contextlib.chdir(project):
        files = collect_source_files(workflow, record)
    return [os.path.relpath(path, project) for path in files.paths]


ENVIRONMENT = ["envs/tool.linux-64.pin.txt", "envs/tool.post-deploy.sh", "envs/tool.yaml"]


def test_conda_files_go_with_their_companions(project: Path) -> None:
    assert collect(project) == ["Snakefile", *ENVIRONMENT]


def test_environments_of_rules_that_have_no_jobs_yet_go_along(project: Path) -> None:
    """Behind a checkpoint a rule gets its jobs when the sources have been sent."""
    found = collect(project, conda_env="envs/other.yaml")
    assert found == sorted(["Snakefile", *ENVIRONMENT, "envs/other.yaml"])
    for other in ("named-environment", "envs/{wildcards.tool}.yaml", None, lambda wildcards: "x"):
        assert collect(project, conda_env=other) == ["Snakefile", *ENVIRONMENT]


@pytest.mark.parametrize("script", ["scripts/a.py", "scripts/{wildcards.tool}.py"])
def test_scripts_go_with_their_folder(project: Path, script: str) -> None:
    scripts = ["scripts/a.py", "scripts/helper.py"]
    assert collect(project, script=script) == ["Snakefile", *ENVIRONMENT, *scripts]


def test_what_parsing_read_goes_even_if_the_workflow_makes_it(project: Path) -> None:
    found = collect(project, ("results/read.txt", "table.txt", "lib.pyc", "gone.txt"))
    assert set(found) - {"Snakefile", *ENVIRONMENT} == {"results/read.txt", "table.txt", "lib.pyc"}


@pytest.mark.parametrize("relatively", [True, False])
def test_what_parsing_read_beside_the_project_goes_if_named_relatively(
    project: Path, relatively: bool
) -> None:
    (project.parent / "samples.tsv").write_text("a")
    found = collect(project, ("../samples.tsv",), relatively=relatively)
    assert ("../samples.tsv" in found) is relatively
