import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from batch_world import World
from docker_images import Image, import_busybox
from iam_kit import make_some_role
from job_runs import Runs
from strict_client import GRACE_SECONDS, make_client

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
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


@contextmanager
def run_strict_aws(**options: Any) -> Iterator[EmbeddedAws]:
    """An embedded AWS of known size whose jobs have little time between SIGTERM and SIGKILL."""
    command = [
        *make_command(vcpus=4, memory_mib=4000, **options),
        *("--grace-seconds", str(GRACE_SECONDS)),
    ]
    with tempfile.TemporaryFile() as errors:
        process = start_process(command, os.environ, stdin=subprocess.PIPE, errors=errors)
        with process:
            try:
                aws = read_announcement(process, errors)
                make_some_role(aws)
                yield aws
            finally:
                stop_process(process)


@pytest.fixture(scope="session")
def strict_aws() -> Iterator[EmbeddedAws]:
    """Its jobs are processes."""
    with run_strict_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture(scope="session")
def process_runs(strict_aws: EmbeddedAws, batch_client: Any, logs_client: Any) -> Runs:
    return Runs(strict_aws, batch_client, logs_client)


@pytest.fixture(scope="session")
def busybox_image() -> Iterator[Image]:
    """An image with busybox and a marker file."""
    with import_busybox(files={"etc/marker": "in the image\n"}) as image:
        yield image


@pytest.fixture(scope="session")
def docker_runs(busybox_image: Image) -> Iterator[Runs]:
    """Jobs in containers of busybox_image, unless another image is named."""
    with run_strict_aws(runner=DOCKER) as aws:
        clients = (make_client(aws, service) for service in ("batch", "logs"))
        yield Runs(aws, *clients, busybox_image.tag)


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
