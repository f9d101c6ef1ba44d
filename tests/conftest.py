"""What several suites share."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.build import Runtime, provide_runtime


@pytest.fixture(scope="session")
def runtime_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that all processes of a test run share."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "batchx-cache"


@pytest.fixture(scope="session")
def runtime(runtime_cache: Path) -> Runtime:
    """The runtime of this interpreter: the first test process builds it, the others wait."""
    return provide_runtime(runtime_cache, print)
