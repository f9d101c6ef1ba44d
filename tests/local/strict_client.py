"""boto3 clients of the embedded AWS that the tests of this folder share."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

GRACE_SECONDS = 1.0
"""What its jobs have between SIGTERM and SIGKILL."""


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
