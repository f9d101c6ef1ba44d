"""The engine before an S3 that fails, as the tests of faults have it."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from bad_s3.rules import Fault, Rule
from bad_s3.world import BadBucket, make_client, open_bad_bucket
from botocore.config import Config
from botocore.credentials import Credentials

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.checksums import AwsChecksums
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway

IMPATIENT = CLIENT_CONFIG.merge(
    Config(
        connect_timeout=1,  # also how long urllib3 waits for a body to go
        read_timeout=1,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
)

SIZES = {"small": 64 * 1024, "large": 20 * 1024 * 1024}
"""Bytes; the larger goes in parts."""

KEY = "some folder/größe.bin"


@dataclass(frozen=True)
class Client:
    """Who makes requests, and whether the S3 is one that keeps checksums, as AWS's does."""

    is_native: bool
    is_aws: bool

    def __str__(self) -> str:
        return f"{'awscrt' if self.is_native else 'boto3'}-{'aws' if self.is_aws else 'other'}"


CLIENTS = [Client(is_native, is_aws) for is_native in (False, True) for is_aws in (False, True)]


@dataclass(frozen=True)
class FaultWorld:
    """An engine, a bucket behind the proxy, and the gateway to it."""

    bucket: BadBucket
    gateway: S3Gateway
    engine: Engine

    def set_rules(self, *rules: Rule) -> None:
        """Give requests faults from now on."""
        self.bucket.server.book.set_rules(*rules)

    def count(self, operation: str) -> int:
        """Return how many requests there were of an operation."""
        return self.bucket.server.book.operations[operation]


@contextmanager
def open_world(
    moto_url: str, client: Client, *, config: Config = IMPATIENT, seed: int = 0
) -> Iterator[FaultWorld]:
    """Make a bucket, a proxy before it, and an engine."""
    with open_bad_bucket(moto_url, seed=seed, has_checksums=client.is_aws) as bucket:
        gateway = S3Gateway(
            make_client(bucket.server.url, config),
            bucket.name,
            credentials=Credentials("key", "secret") if client.is_native else None,
            pause=lambda _: None,
        )
        if client.is_aws:
            gateway.checksums = AwsChecksums()
        with Engine() as engine:
            yield FaultWorld(bucket, gateway, engine)


def make_content(size_name: str, seed: int = 1) -> bytes:
    """Return content of that size, always the same."""
    return random.Random(seed).randbytes(SIZES[size_name])


def list_names(folder: Path) -> list[str]:
    """Return the names of all files below a folder."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def find_failure(work: Callable[[], None]) -> BatchxError | None:
    """Do something; return what a user would be told, None where it went well."""
    try:
        work()
    except BatchxError as error:
        return error
    return None


def cross_clients(
    faults: list[Fault], sizes: list[str], clients: Sequence[Client] = CLIENTS
) -> pytest.MarkDecorator:
    """Return a mark that runs a test for each client, fault and size.

    A stall is as long as the client waits: with awscrt that is 30 s, too long for each of them.
    """
    stalls = {Fault.STALL, Fault.STALL_HALFWAY}
    cases = [
        pytest.param(client, fault, size, id=f"{client}-{fault.name.lower()}-{size}")
        for client in clients
        for fault in faults
        for size in sizes
        if not (client.is_native and fault in stalls)
    ]
    return pytest.mark.parametrize(("client", "fault", "size"), cases)
