"""Which runner is chosen, and what is said where Docker cannot be had."""

from __future__ import annotations

import socket

import pytest
from tools import need_docker

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAwsError, RuntimeTrees
from snakemake_executor_plugin_batchx.local.runner_choice import (
    NO_RUNTIME,
    RunnerChoice,
    choose_runner,
)

TREES = RuntimeTrees("/base", "/own")


def provide() -> RuntimeTrees:
    return TREES


def fail_to_provide() -> RuntimeTrees:
    raise BatchxError("This head cannot build the runtime.")


def must_not_be_asked() -> RuntimeTrees:
    pytest.fail("no runtime is needed")


@pytest.fixture(params=["nothing there", "another machine"])
def unusable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is not there, or not here."""
    if request.param == "nothing there":
        monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free.getsockname()[1]}")


@pytest.mark.usefixtures("unusable")
def test_without_an_engine() -> None:
    assert choose_runner("process", must_not_be_asked) == RunnerChoice("process")
    choice = choose_runner("auto", must_not_be_asked)
    assert (choice.runner, choice.runtime) == ("process", None)
    assert choice.doubt in {
        "no Docker engine answers (No such file or directory)",
        "no Docker engine answers (Connection refused)",
    }
    with pytest.raises(EmbeddedAwsError, match="--batchx-local-runner process"):
        choose_runner("docker", must_not_be_asked)


@pytest.mark.docker
def test_with_an_engine() -> None:
    need_docker()
    for wanted in ("auto", "docker"):
        assert choose_runner(wanted, provide) == RunnerChoice("docker", TREES)
    assert choose_runner("process", must_not_be_asked) == RunnerChoice("process")


@pytest.mark.docker
def test_without_a_runtime() -> None:
    need_docker()
    # Images may hold it: that must be said.
    assert choose_runner("docker", None) == RunnerChoice("docker")
    assert choose_runner("auto", None) == RunnerChoice("process", doubt=NO_RUNTIME)
    expected = RunnerChoice("process", doubt="This head cannot build the runtime")
    assert choose_runner("auto", fail_to_provide) == expected
    with pytest.raises(BatchxError, match="cannot build the runtime"):
        choose_runner("docker", fail_to_provide)
