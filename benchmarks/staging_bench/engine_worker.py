"""The engine of batchx as a job has it: the client is there, the engine opens with the transfer."""

from collections.abc import Callable

import boto3

from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway
from snakemake_executor_plugin_batchx.storage.uploads import Upload
from snakemake_executor_plugin_batchx.storage.wanted import Download
from staging_bench.worker import Order, run_worker


def prepare(order: Order) -> Callable[[], None]:
    """Return what moves all files."""
    session = boto3.Session()
    client = session.client("s3", endpoint_url=order.url, config=CLIENT_CONFIG)
    bucket = S3Gateway(client, order.bucket, credentials=session.get_credentials())
    return lambda: move(order, bucket)


def move(order: Order, bucket: S3Gateway) -> None:
    """Open the engine and move all files."""
    pairs = [(f"{order.key_prefix}/{name}", order.folder / name) for name in order.names]
    with Engine() as engine:
        if order.is_down:
            engine.download_all(bucket, (Download(key, path) for key, path in pairs))
        else:
            engine.upload_all(bucket, (Upload(path, key) for key, path in pairs))


if __name__ == "__main__":
    run_worker(prepare)
