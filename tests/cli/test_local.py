from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import need_docker

from snakemake_executor_plugin_batchx.cli.local import find_state_file, list_exports, read_running
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

MAIN = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"


class Command:
    """The `batchx local` command with a state folder of its own."""

    def __init__(self, folder: Path):
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
        self.state_file = folder / "batchx" / "local.json"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MAIN, "local", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path)
    yield command
    command.run("down")


def test_up_env_and_down(command: Command) -> None:
    up = command.run("up", "--runner", "process", "--vcpus", "2", "--memory-mib", "1000")
    assert (up.returncode, up.stderr) == (0, "")
    state = json.loads(command.state_file.read_text())
    assert state["endpoint_url"] in up.stdout

    again = command.run("up", "--runner", "process")
    assert again.returncode == 0
    assert "is up already" in again.stdout
    assert 'eval "$(batchx local env)"' in again.stdout
    assert json.loads(command.state_file.read_text()) == state

    shell = f'eval "$({shlex.join([sys.executable, "-c", MAIN, "local", "env"])})" && env'
    done = subprocess.run(
        ["sh", "-c", shell], env=command.environment, capture_output=True, text=True, check=True
    )
    exported = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert exported["AWS_ENDPOINT_URL"] == state["endpoint_url"]
    assert exported["AWS_ACCESS_KEY_ID"] == state["access_key_id"]
    assert exported["SNAKEMAKE_BATCHX_S3_ROOT"] == f"s3://{state['bucket']}/batchx"
    assert exported["SNAKEMAKE_BATCHX_JOB_QUEUE"] == state["job_queue"]
    assert exported["SNAKEMAKE_BATCHX_REGION"] == state["region"]

    down = command.run("down")
    assert (down.returncode, down.stdout) == (0, "The embedded AWS is down.\n")
    assert not command.state_file.exists()


def test_up_again_with_something_else_is_refused(command: Command) -> None:
    assert command.run("up", "--runner", "process", "--vcpus", "1").returncode == 0
    other = command.run("up", "--runner", "docker")
    assert other.returncode == 1
    assert "is up already, at http://" in other.stderr
    assert "with --runner process: end it first (batchx local down)" in other.stderr
    other = command.run("up", "--region", "eu-west-1")
    assert (other.returncode, "with --region us-east-1" in other.stderr) == (1, True)
    assert command.run("up").returncode == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--vcpus", "0"), ("--vcpus", "nan"), ("--memory-mib", "-1")]
)
def test_a_machine_without_anything_is_refused(command: Command, option: str, value: str) -> None:
    done = command.run("up", option, value)
    assert done.returncode == 2
    assert f"argument {option}: {value} must be" in done.stderr


def test_a_runner_that_cannot_be_had_is_named_as_it_was_asked_for(command: Command) -> None:
    command.environment["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    done = command.run("up", "--runner", "docker")
    assert done.returncode == 1
    assert "as processes (--runner process)" in done.stderr


def test_env_when_down_is_one_sentence_and_exit_1(command: Command) -> None:
    done = command.run("env")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("batchx: The embedded AWS is not up: start it with `batchx local up`.\n")


def test_down_when_down_is_no_error(command: Command) -> None:
    done = command.run("down")
    assert (done.returncode, done.stdout) == (0, "The embedded AWS is not up.\n")


def test_a_state_file_of_a_dead_server_counts_as_down(command: Command) -> None:
    command.run("up", "--runner", "process")
    aws = read_running(command.state_file)
    assert aws is not None
    os.kill(aws.pid, signal.SIGKILL)
    up = command.run("up", "--runner", "process")
    assert "is up, at" in up.stdout
    assert read_running(command.state_file) != aws


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_state_file_counts_as_none(tmp_path: Path, text: str) -> None:
    state_file = tmp_path / "local.json"
    state_file.write_text(text)
    assert read_running(state_file) is None


def test_the_state_file_is_where_xdg_says() -> None:
    assert find_state_file({"XDG_STATE_HOME": "/state"}) == Path("/state/batchx/local.json")
    assert find_state_file({"HOME": "/h"}) == Path("/h/.local/state/batchx/local.json")


def test_exports_are_quoted() -> None:
    aws = EmbeddedAws(
        "http://x", "r", "key", "it's; secret", "b", "q", "role", "role", 1, "head", "secret"
    )
    lines = [shlex.split(line) for line in list_exports(aws)]
    assert ["export", "AWS_SECRET_ACCESS_KEY=it's; secret"] in lines


@pytest.mark.docker
@pytest.mark.slow
def test_up_runs_jobs_in_docker_where_it_can(command: Command) -> None:
    need_docker()
    up = command.run("up")
    assert (up.returncode, up.stderr) == (0, "")
    aws = read_running(command.state_file)
    assert aws is not None
    assert aws.runner == "docker"
    command.run("down")
    command.environment["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    up = command.run("up")
    assert "Its jobs run as processes of this machine, not in Docker: no Docker engine" in up.stdout
    refused = Command(command.state_file.parents[1] / "other")
    refused.environment["DOCKER_HOST"] = command.environment["DOCKER_HOST"]
    up = refused.run("up", "--runner", "docker")
    assert up.returncode == 1
    assert up.stderr.startswith("batchx: Jobs cannot run in Docker on this machine: no Docker")
