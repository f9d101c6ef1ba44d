"""One embedded AWS and one server of heads a test process, and a folder for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import Workspace, make_workspace
from tools import need_docker, need_program
from warm_heads import WarmHeads, serve_heads

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    PROCESS,
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS that lasts as long as the test process."""
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture(scope="session")
def heads() -> Iterator[WarmHeads]:
    """Heads that are forked off one that has imported Snakemake."""
    with serve_heads() as heads:
        yield heads


@pytest.fixture
def workspace(tmp_path: Path, embedded_aws: EmbeddedAws) -> Workspace:
    """An empty folder whose runs use the standing embedded AWS as if it were AWS."""
    # For runs that start an embedded AWS of their own.
    return make_workspace(tmp_path, embedded_aws, {"SNAKEMAKE_BATCHX_LOCAL_RUNNER": PROCESS})


@pytest.fixture(scope="session")
def docker_aws(runtime: Runtime) -> Iterator[EmbeddedAws]:
    """An embedded AWS whose jobs run in containers."""
    need_docker()
    need_program("debootstrap", "busybox", "musl-gcc", "gcc")
    trees = RuntimeTrees(str(runtime.base_tree), str(runtime.own_tree))
    with launch_embedded_aws(runner=DOCKER, runtime=trees) as aws:
        yield aws


@pytest.fixture
def docker_workspace(tmp_path: Path, docker_aws: EmbeddedAws) -> Workspace:
    """An empty folder whose jobs run in containers of this machine."""
    return make_workspace(tmp_path, docker_aws)
