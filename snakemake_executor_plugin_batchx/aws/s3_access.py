"""Opens S3 for the user's own data."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import botocore.exceptions
import botocore.session

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, make_s3_client
from snakemake_executor_plugin_batchx.storage.options import S3Options

NO_CREDENTIALS = (
    "No AWS credentials were found: set --profile, sign in (aws configure, aws sso login), or set "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)


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
    core = botocore.session.get_session()
    if profile:
        core.set_config_variable("profile", profile)
    try:
        session = boto3.Session(botocore_session=core, region_name=region)
    except botocore.exceptions.ProfileNotFound as error:
        raise BatchxError(
            f"{error}: name a profile of ~/.aws/config (aws configure list-profiles)."
        ) from error
    credentials = session.get_credentials()
    if credentials is None:
        raise BatchxError(NO_CREDENTIALS)
    open_bucket = functools.partial(
        S3Gateway,
        make_s3_client(session, region, options),
        credentials=credentials,
        ca_bundle=core.get_config_variable("ca_bundle"),
        options=options,
    )
    with Engine() as engine:
        yield S3Access(open_bucket, engine)
