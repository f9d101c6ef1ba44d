"""Opens S3 for the user's own data."""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3

from snakemake_executor_plugin_batchx.aws.credentials import find_credentials, open_core
from snakemake_executor_plugin_batchx.aws.region import read_region
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, make_s3_client
from snakemake_executor_plugin_batchx.storage.options import S3Options


@dataclass(frozen=True)
class S3Access:
    """Buckets, and the engine that moves their objects."""

    open_bucket: Callable[[str], S3Gateway]
    engine: Engine


@contextmanager
def open_s3(
    options: S3Options,
    region: str | None = None,
    profile: str | None = None,
) -> Iterator[S3Access]:
    """Open S3 with the credentials that boto3 finds, or the profile's; the engine ends with it.

    Raises BatchxError without credentials, or where the profile is unknown.
    """
    core, region = open_core(profile), region or read_region(os.environ)
    credentials = find_credentials(core, profile, region)
    session = boto3.Session(botocore_session=core)
    open_bucket = functools.partial(
        S3Gateway,
        make_s3_client(session, region, options),
        credentials=credentials,
        ca_bundle=core.get_config_variable("ca_bundle"),
        options=options,
    )
    with Engine() as engine:
        yield S3Access(open_bucket, engine)
