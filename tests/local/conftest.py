import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from batch_world import World
from botocore.config import Config

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    make_command,
    read_announcement,
    stop_process,
)

GRACE_SECONDS = 1.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def strict_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS of known size whose jobs have little time between SIGTERM and SIGKILL."""
    command = make_command(vcpus=4, memory_mib=4000)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*command, "--grace-seconds", str(GRACE_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        with process:
            try:
                yield read_announcement(process, errors)
            finally:
                stop_process(process)


def make_client(aws: EmbeddedAws, service: str, *, is_checking: bool = True) -> Any:
    """Without ``is_checking`` boto3 leaves all checks to the server."""
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        # Enough tries to sit out the embedded Batch's own throttle.
        config=Config(
            parameter_validation=is_checking, retries={"mode": "standard", "max_attempts": 10}
        ),
    )


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
