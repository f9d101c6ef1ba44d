"""One embedded AWS a test process, and a folder for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import Workspace
from tools import need_docker, need_program

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    PROCESS,
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
    make_environment,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS that lasts as long as the test process."""
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture
def workspace(tmp_path: Path, embedded_aws: EmbeddedAws) -> Workspace:
    """An empty folder whose runs use the standing embedded AWS as if it were AWS."""
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {
        **make_environment(embedded_aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": embedded_aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{embedded_aws.bucket}/{tmp_path.name}",
        # For runs that start an embedded AWS of their own.
        "SNAKEMAKE_BATCHX_LOCAL_RUNNER": PROCESS,
        "HOME": str(tmp_path),
    }
    return Workspace(folder, embedded_aws, environment)


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
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {
        **make_environment(docker_aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": docker_aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{docker_aws.bucket}/{tmp_path.name}",
        "HOME": str(tmp_path),
    }
    return Workspace(folder, docker_aws, environment)
