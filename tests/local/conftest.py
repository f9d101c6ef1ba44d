import os
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from batch_world import World
from strict_client import GRACE_SECONDS, make_client

from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    make_command,
    read_announcement,
    start_process,
    stop_process,
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def strict_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS of known size whose jobs have little time between SIGTERM and SIGKILL."""
    command = [
        *make_command(vcpus=4, memory_mib=4000, runner=PROCESS),
        *("--grace-seconds", str(GRACE_SECONDS)),
    ]
    with tempfile.TemporaryFile() as errors:
        process = start_process(command, os.environ, stdin=subprocess.PIPE, errors=errors)
        with process:
            try:
                yield read_announcement(process, errors)
            finally:
                stop_process(process)


@pytest.fixture(scope="session")
def batch_client(strict_aws: EmbeddedAws) -> Any:
    return make_client(strict_aws, "batch")


@pytest.fixture(scope="session")
def unchecked_client(strict_aws: EmbeddedAws) -> Any:
    return make_client(strict_aws, "batch", is_checking=False)


@pytest.fixture(scope="session")
def logs_client(strict_aws: EmbeddedAws) -> Any:
    return make_client(strict_aws, "logs")


@pytest.fixture(scope="session")
def s3_client(strict_aws: EmbeddedAws) -> Any:
    return make_client(strict_aws, "s3")
