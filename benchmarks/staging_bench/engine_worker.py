"""The transfers of a job: what its spec names comes, what it made goes, each with its checksums.

They begin as in a job: the client has found the bucket, for the spec came from there.
"""

import json
from collections.abc import Callable
from functools import partial

import boto3

from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from staging_bench.worker import Order, run_worker


def prepare(order: Order) -> Callable[[], None]:
    """Return what moves all files."""
    session = boto3.Session()
    client = session.client("s3", endpoint_url=order.url, config=CLIENT_CONFIG)
    bucket = S3Gateway(client, order.bucket, credentials=session.get_credentials())
    bucket.has_object("spec")
    sums = json.loads(order.sums.read_text())
    blobs = [
        Blob(f"{order.key_prefix}/{name}", 0, order.size, sha256, crc64)
        for name, (sha256, crc64) in zip(order.names, sums, strict=True)
    ]
    return partial(fetch if order.is_down else send, order, bucket, blobs)


def fetch(order: Order, bucket: S3Gateway, blobs: list[Blob]) -> None:
    """Bring all files, as a job brings its inputs."""
    places = [order.folder / name for name in order.names]
    with Transfer(bucket) as transfer:
        transfer.fetch_blobs(zip(blobs, places, strict=True))


def send(order: Order, bucket: S3Gateway, blobs: list[Blob]) -> None:
    """Send all files, as a job sends its outputs; their keys are those that the peers make."""
    keys = {blob.sha256: blob.key for blob in blobs}
    paths = [order.folder / name for name in order.names]
    with Transfer(bucket) as transfer:
        sent = transfer.send_files(paths, keys.__getitem__, may_exist=True)
    if sent != blobs:
        raise RuntimeError("other files were sent than there are")


if __name__ == "__main__":
    run_worker(prepare)
