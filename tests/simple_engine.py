"""The engine's calls, one request after the other."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from snakemake_executor_plugin_batchx.aws.s3_access import S3Access
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.engine import Copy, Download, OnBytes, Upload
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway
from snakemake_executor_plugin_batchx.storage.s3_objects import ObjectFacts
from snakemake_executor_plugin_batchx.storage.transfer import make_temporary


class SimpleEngine:
    """Moves whole objects through memory."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def download_all(
        self,
        bucket: S3Gateway,
        downloads: Iterable[Download],
        on_bytes: OnBytes,
        on_file: Callable[[Download, ObjectFacts], None],
    ) -> None:
        for each in downloads:
            facts = bucket.inspect_object(each.key)
            if each.etag and each.etag != facts.etag:
                raise BatchxError(f"{each.key} was replaced meanwhile.")
            each.target.parent.mkdir(parents=True, exist_ok=True)
            with make_temporary(each.target) as temporary:
                temporary.write_bytes(bucket.read_bytes(each.key))
                temporary.replace(each.target)
            on_bytes(facts.size)
            on_file(each, facts)

    def upload_all(
        self,
        bucket: S3Gateway,
        uploads: Iterable[Upload],
        on_bytes: OnBytes,
        on_file: Callable[[Upload, int], None],
    ) -> None:
        for each in uploads:
            before = os.stat(each.path)
            data = each.path.read_bytes()
            if len(data) != before.st_size:
                raise BatchxError(f"{each.path} changed while it was being sent to S3.")
            meta = {"file-permissions": f"0{0o100000 | each.mode:o}"} if each.mode else {}
            self._client.put_object(Bucket=bucket.bucket, Key=each.key, Body=data, Metadata=meta)
            on_bytes(len(data))
            on_file(each, len(data))

    def copy_all(
        self,
        bucket: S3Gateway,
        copies: Iterable[Copy],
        on_bytes: OnBytes,
        on_file: Callable[[Copy], None],
    ) -> None:
        for each in copies:
            source = {"Bucket": each.source_bucket, "Key": each.source_key}
            self._client.copy_object(Bucket=bucket.bucket, Key=each.key, CopySource=source)
            on_bytes(each.size)
            on_file(each)

    def has_content(self, bucket: S3Gateway, key: str, path: Path) -> bool:
        return bucket.read_bytes(key) == path.read_bytes()


@contextmanager
def open_simple_s3(endpoint_url: str | None = None, **_options: Any) -> Iterator[S3Access]:
    """Open S3 with this engine."""
    client = boto3.client("s3", endpoint_url=endpoint_url, config=CLIENT_CONFIG)
    yield S3Access(lambda bucket: S3Gateway(client, bucket), SimpleEngine(client))
