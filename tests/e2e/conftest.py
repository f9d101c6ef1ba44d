"""One embedded AWS a test process, and a folder for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import Workspace

from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)


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
