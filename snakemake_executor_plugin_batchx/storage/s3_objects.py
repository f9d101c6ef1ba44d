"""The S3 calls for the user's own objects: of any size, at any endpoint that speaks S3.

What differs from batchx's own objects (gateway.py): their sizes are not known beforehand, the
endpoint may be one that knows no checksums of AWS's, and the bucket may still have to be made, as
Snakemake's s3 plugin makes it.
"""

import os
import threading
import urllib.parse
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.storage.gateway import (
    NETWORK_ERRORS,
    PART_BYTES,
    TRANSFER_CONFIG,
    S3Gateway,
    StorageError,
)
from snakemake_executor_plugin_batchx.storage.transfer import make_temporary

BODY_TRIES = 5
"""How often an object is asked for whose bytes stop on the way; botocore tries again only what
fails before they begin."""

CHUNK_BYTES = 1024 * 1024

MISSING_CODES = frozenset({"NoSuchKey", "404", "NoSuchBucket"})

DEFAULT_REGION = "us-east-1"
"""The region that CreateBucket must not be told.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html"""

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


@dataclass(frozen=True)
class ObjectFacts:
    """What S3 says of an object: its size in bytes, and LastModified in seconds of the epoch."""

    key: str
    size: int
    mtime: float


class ObjectGateway(S3Gateway):
    """The calls on one bucket of the user's. `client` is the s3 plugin's own, with its settings.

    `large` bounds how many large objects move at once. Every method raises StorageError, one
    sentence, where S3 refuses or stays out of reach.
    """

    def __init__(
        self, client: Any, bucket: str, region: str | None, large: AbstractContextManager[Any]
    ) -> None:
        super().__init__(client, bucket)
        self._region = region
        self._large = large
        self._is_aws = is_aws_endpoint(client.meta.endpoint_url)
        self._creating = threading.Lock()
        self._is_created = False

    def fetch_object(self, key: str, path: Path) -> ObjectFacts:
        """Read an object into a file and return its facts: one request for a small one.

        The file gets the object's time, and stands under its name only when it is whole.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with make_temporary(path) as temporary:
            facts = self._call("s3:GetObject", key, lambda: self._fetch_small(key, temporary))
            if facts.size > PART_BYTES:
                with self._large:
                    self.download_file(key, temporary)
            size = temporary.stat().st_size
            if size != facts.size:
                raise StorageError(
                    f"s3://{self.bucket}/{key} arrived with {size} bytes instead of {facts.size}: "
                    "was it written to meanwhile?"
                )
            set_mtime(temporary, facts.mtime)
            temporary.replace(path)
        return facts

    def _fetch_small(self, key: str, path: Path) -> ObjectFacts:
        """Ask for an object; write it to `path` unless it is large."""
        checks = {"ChecksumMode": "ENABLED"} if self._is_aws else {}
        for tries_left in reversed(range(BODY_TRIES)):
            answer = self._client.get_object(Bucket=self.bucket, Key=key, **checks)
            facts = ObjectFacts(key, answer["ContentLength"], answer["LastModified"].timestamp())
            if facts.size > PART_BYTES:
                answer["Body"].close()
                break
            try:
                with closing(answer["Body"]) as body, path.open("wb") as file:
                    for chunk in body.iter_chunks(CHUNK_BYTES):
                        file.write(chunk)
            except NETWORK_ERRORS:
                if not tries_left:
                    raise
            else:
                break
        return facts

    def inspect_object(self, key: str) -> ObjectFacts:
        """Return an object's facts."""
        answer = self._call(
            "s3:GetObject", key, lambda: self._client.head_object(Bucket=self.bucket, Key=key)
        )
        return ObjectFacts(key, answer["ContentLength"], answer["LastModified"].timestamp())

    def list_below(self, prefix: str) -> list[ObjectFacts]:
        """Return all objects below a prefix, but not the markers of folders."""

        def ask() -> list[ObjectFacts]:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            return [
                ObjectFacts(item["Key"], item["Size"], item["LastModified"].timestamp())
                for page in pages
                for item in page.get("Contents", [])
                if not item["Key"].endswith("/")
            ]

        return self._call("s3:ListBucket", prefix, ask)

    def send_file(self, path: Path, key: str) -> None:
        """Write a file to a key; AWS verifies a SHA-256. A bucket that is missing is made."""
        try:
            self._send(path, key)
        except StorageError as error:
            if error.code != "NoSuchBucket":
                raise
            self._create_bucket()
            self._send(path, key)

    def _send(self, path: Path, key: str) -> None:
        # Not every S3 takes the checksums of AWS's: https://github.com/boto/boto3/issues/4435
        checks = {"ChecksumAlgorithm": "SHA256"} if self._is_aws else {}

        def put() -> None:
            with path.open("rb") as file:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=file, **checks)

        def put_in_parts() -> None:
            self._client.upload_file(
                str(path), self.bucket, key, ExtraArgs=checks, Config=TRANSFER_CONFIG
            )

        if path.stat().st_size <= PART_BYTES:
            self._call("s3:PutObject", key, put)
        else:
            with self._large:
                self._call("s3:PutObject", key, put_in_parts)

    def _create_bucket(self) -> None:
        place: dict[str, Any] = {}
        if self._region and self._region != DEFAULT_REGION:
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        with self._creating:
            if self._is_created:
                return
            try:
                self._call(
                    "s3:CreateBucket",
                    "",
                    lambda: self._client.create_bucket(Bucket=self.bucket, **place),
                )
            except StorageError as error:
                if error.code != "BucketAlreadyOwnedByYou":  # another job was faster
                    raise
            self._is_created = True


def is_aws_endpoint(url: str) -> bool:
    """Tell whether an endpoint is AWS's own S3."""
    return (urllib.parse.urlsplit(url).hostname or "").endswith(AWS_DOMAINS)


def set_mtime(path: Path, mtime: float) -> None:
    """Give a file or directory a modification time (seconds of the epoch)."""
    nanoseconds = round(mtime * 1e9)
    os.utime(path, ns=(nanoseconds, nanoseconds))
