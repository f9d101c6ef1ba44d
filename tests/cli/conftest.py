"""An account for commands: an embedded AWS, and a client that looks at it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture
def batch(aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client of Batch; commands run in a folder of their own and find the same account."""
    for name, value in make_environment(aws).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return boto3.client("batch", config=Config(retries={"mode": "standard", "max_attempts": 10}))
