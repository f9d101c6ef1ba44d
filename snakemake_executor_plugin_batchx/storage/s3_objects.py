"""A bucket of the user's own: it may still have to be made, as Snakemake's s3 plugin makes it."""

import os
import threading
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

DEFAULT_REGION = "us-east-1"
"""The region that CreateBucket must not be told.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html"""


class ObjectGateway(S3Gateway):
    """The calls on one bucket of the user's. `client` is the s3 plugin's own, with its settings."""

    def __init__(self, client: Any, bucket: str, region: str | None, **more: Any) -> None:
        super().__init__(client, bucket, **more)
        self._region = region
        self._creating = threading.Lock()
        self._is_created = False

    def create_bucket(self) -> None:
        """Make the bucket, unless this has been done. Raises StorageError."""
        place: dict[str, Any] = {}
        if self._region and self._region != DEFAULT_REGION:
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        with self._creating:
            if self._is_created:
                return
            try:
                self._ask("CreateBucket", "", **place)
            except StorageError as error:
                if error.code != "BucketAlreadyOwnedByYou":  # another job was faster
                    raise
            self._is_created = True


def set_mtime(path: Path, mtime: float) -> None:
    """Give a file or directory a modification time (seconds of the epoch)."""
    nanoseconds = round(mtime * 1e9)
    os.utime(path, ns=(nanoseconds, nanoseconds))
