"""GitHub's workflows: make knows what they run, and they may do no more than they must."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from housekeeping.release import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

PROGRAMS = ("make", "sudo", "gh")
"""What a step may run: what else is to be done has a target of make."""

PINNED = re.compile(r"[\w-]+/[\w-]+@(v\d+|release/v\d+|[0-9a-f]{40})")

Job = dict[str, Any]


def read_workflow(path: Path) -> dict[Any, Any]:
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def list_jobs() -> list[tuple[str, Job]]:
    return [
        (f"{path.stem}.{name}", job)
        for path in FILES
        for name, job in read_workflow(path)["jobs"].items()
    ]


def iter_steps() -> Iterator[dict[str, Any]]:
    for _, job in list_jobs():
        yield from job.get("steps", ())


def list_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    return set(phony.split())


JOBS = list_jobs()
COMMANDS = [step["run"] for step in iter_steps() if "run" in step]
ACTIONS = sorted({step["uses"] for step in iter_steps() if "uses" in step})


def test_there_are_workflows() -> None:
    assert [path.stem for path in FILES] == ["release", "tests"]
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_what_runs_is_there(command: str) -> None:
    words = command.split()
    assert words[0] in PROGRAMS
    if words[0] == "make":
        assert words[1] in list_targets()
    if words[0] == "sudo":
        assert (ROOT / words[-1]).stat().st_mode & 0o111
    for folder in re.findall(r"tests/[\w/]+", command):
        assert (ROOT / folder).is_dir()


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_are_of_a_version(action: str) -> None:
    assert PINNED.fullmatch(action)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_workflows_give_no_permission_of_their_own(path: Path) -> None:
    workflow = read_workflow(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow


@pytest.mark.parametrize(("name", "job"), JOBS, ids=[name for name, _ in JOBS])
def test_jobs_may_do_what_they_must(name: str, job: Job) -> None:
    more = {
        "release.publish": {"id-token": "write"},
        "release.tell": {"contents": "write"},
    }
    assert job["permissions"] == more.get(name, {"contents": "read"})
    assert "uses" in job or job["timeout-minutes"] <= 90


def test_only_what_is_tested_and_built_is_published() -> None:
    jobs = dict(JOBS)
    needs = {name: jobs[f"release.{name}"].get("needs") for name in ("build", "publish", "tell")}
    assert needs == {"build": "tests", "publish": "build", "tell": "publish"}
    assert jobs["release.tests"]["uses"] == "./.github/workflows/tests.yml"
    assert jobs["release.publish"]["environment"] == "pypi"


def test_each_python_of_the_package_is_tested() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    claimed = re.findall(r"Programming Language :: Python :: (3\.\d+)", text)
    assert dict(JOBS)["tests.suite"]["strategy"]["matrix"]["python"] == claimed
