"""Opens S3 for the user's own data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import botocore.exceptions
from botocore.config import Config

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.engine import Engine, open_engine
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway

STYLES = {
    "auto": {},
    "path": {"addressing_style": "path"},
    "accelerate": {"use_accelerate_endpoint": True},
}


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
    *,
    region: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
    addressing: str = "auto",
    **options: object,
) -> Iterator[S3Access]:
    """Open S3 with the credentials that boto3 finds, or the profile's.

    Raises BatchxError without credentials, or where the profile is unknown.
    """
    if any(value for value in options.values()):
        raise BatchxError(f"Of these options there is none yet: {', '.join(options)}.")
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except botocore.exceptions.ProfileNotFound as error:
        raise BatchxError(
            f"--profile {profile!r} is not in ~/.aws/config: name one that is (aws configure "
            "list-profiles)."
        ) from error
    if session.get_credentials() is None:
        raise BatchxError(NO_CREDENTIALS)
    config = CLIENT_CONFIG.merge(Config(s3=STYLES[addressing]))
    client = session.client("s3", endpoint_url=endpoint_url, config=config)
    yield S3Access(lambda bucket: S3Gateway(client, bucket), open_engine())
