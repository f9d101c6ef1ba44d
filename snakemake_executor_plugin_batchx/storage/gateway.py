"""The one place that calls S3."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import boto3
import botocore.exceptions
import s3transfer.exceptions
from boto3.exceptions import Boto3Error, S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from snakemake_executor_plugin_batchx.errors import BatchxError

CLIENT_CONFIG = Config(
    max_pool_connections=32,
    # Said here because botocore's default differs by version
    # (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
    retries={"mode": "standard", "total_max_attempts": 8},
    tcp_keepalive=True,
    # Said here because Snakemake's s3 plugin turns both off, by the environment, for all clients.
    request_checksum_calculation="when_supported",
    response_checksum_validation="when_supported",
)

PART_BYTES = 8 * 1024 * 1024
LARGE_FILE_THREADS = 4
LARGE_FILES_AT_ONCE = 4
"""4 files × 4 parts × 8 MiB: at most 128 MiB of buffers however large the files."""

CONFLICT_TRIES = 5

DELETE_BATCH = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

TRANSFER_CONFIG = TransferConfig(
    multipart_threshold=PART_BYTES,
    multipart_chunksize=PART_BYTES,
    max_concurrency=LARGE_FILE_THREADS,
    # With awscrt installed boto3 would choose another on some hosts, with buffers of its own.
    preferred_transfer_client="classic",
)

NETWORK_ERRORS = (
    botocore.exceptions.BotoCoreError,
    Boto3Error,
    s3transfer.exceptions.S3DownloadFailedError,
    s3transfer.exceptions.S3ValidationError,
)
"""What boto3 raises where S3 gave no answer, or not the bytes that it had announced."""

T = TypeVar("T")


SENTENCES = {
    "NoSuchBucket": "S3 bucket {bucket} does not exist: create it, or name another S3 root.",
    "NoSuchKey": "s3://{bucket}/{key} does not exist (any more).",
    "404": "s3://{bucket}/{key} does not exist (any more).",
    "AccessDenied": (
        "S3 refuses {action} on s3://{bucket}/{key}: the credentials in use need that permission "
        "on this bucket.{hint}"
    ),
    "403": (
        "S3 refuses {action} on s3://{bucket}/{key}: the credentials in use need that permission "
        "on this bucket.{hint}"
    ),
    "InvalidAccessKeyId": (
        "AWS does not know the access key in use: check --batchx-profile or the AWS_… environment."
    ),
    "ExpiredToken": "The AWS credentials in use have expired: renew them (aws sso login, say).",
    "PermanentRedirect": (
        "S3 bucket {bucket} is in another region: set --batchx-region to the bucket's and queue's."
    ),
}
"""Error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


NOT_THERE = {"NoSuchKey", "404", "AccessDenied", "403"}
"""What S3 says of an object that is not there, the latter two to who may not list the bucket."""

HINTS = {
    "s3:GetObject": " Without s3:ListBucket, S3 says this of an object that is not there, too."
}


class StorageError(BatchxError):
    """S3 would not do what was asked; `code` is its error code, empty for a network failure."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class S3Gateway:
    """The S3 calls that batchx makes, on one bucket.

    `client` is a boto3 S3 client made with CLIENT_CONFIG; it is safe to use from many threads.
    Every method raises StorageError, one sentence, where S3 refuses or stays out of reach.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of an object from `offset` on."""
        wanted = f"bytes={offset}-{offset + size - 1}"

        def read() -> bytes:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=wanted)
            body: bytes = answer["Body"].read()
            return body

        return self._call("s3:GetObject", key, read)

    def read_bytes(self, key: str) -> bytes:
        """Return a whole object; S3's checksum is verified by botocore."""

        def read() -> bytes:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            body: bytes = answer["Body"].read()
            return body

        return self._call("s3:GetObject", key, read)

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object whole; S3 verifies a SHA-256 of it."""
        self._call(
            "s3:PutObject",
            key,
            lambda: self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, ChecksumAlgorithm="SHA256"
            ),
        )

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                self._call(
                    "s3:PutObject",
                    key,
                    lambda: self._client.put_object(
                        Bucket=self.bucket, Key=key, Body=data, IfNoneMatch="*"
                    ),
                )
            except StorageError as error:
                if error.code in {"PreconditionFailed", "412"}:
                    return False
                # Another conditional write was under way; only the next try tells who won.
                if error.code not in {"ConditionalRequestConflict", "409"} or not tries_left:
                    raise
            else:
                break
        return True

    def upload_file(
        self,
        path: str | os.PathLike[str],
        key: str,
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        """Write a file of any size, in parts and in parallel; S3 verifies each part.

        `on_bytes` is called as bytes go; what it raises ends the upload.
        """
        extra = {"ChecksumAlgorithm": "SHA256"}
        self._call(
            "s3:PutObject",
            key,
            lambda: self._client.upload_file(
                os.fspath(path),
                self.bucket,
                key,
                ExtraArgs=extra,
                Config=TRANSFER_CONFIG,
                Callback=on_bytes,
            ),
        )

    def download_file(
        self,
        key: str,
        path: str | os.PathLike[str],
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        """Read an object of any size into a file, in parts and in parallel.

        `on_bytes` is called as bytes come; what it raises ends the download.
        """
        self._call(
            "s3:GetObject",
            key,
            lambda: self._client.download_file(
                self.bucket, key, os.fspath(path), Config=TRANSFER_CONFIG, Callback=on_bytes
            ),
        )

    def has_object(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        return self.find_modified(key) is not None

    def find_modified(self, key: str, bucket: str | None = None) -> float | None:
        """Return when an object was written, seconds since 1970; None where there is none.

        Who may not list the bucket is told 403 for what is not there: that counts as none.
        """
        place = {"Bucket": bucket or self.bucket, "Key": key}
        try:
            answer = self._call("s3:GetObject", key, lambda: self._client.head_object(**place))
        except StorageError as error:
            if error.code in NOT_THERE:
                return None
            raise
        return float(answer["LastModified"].timestamp())

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there do not matter."""
        for start in range(0, len(keys), DELETE_BATCH):
            batch = [{"Key": key} for key in keys[start : start + DELETE_BATCH]]
            answer = self._call(
                "s3:DeleteObject",
                batch[0]["Key"],
                lambda batch=batch: self._client.delete_objects(  # type: ignore[misc]
                    Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True}
                ),
            )
            for refused in answer.get("Errors", []):  # S3 answers 200 all the same
                raise self._explain("s3:DeleteObject", refused["Key"], refused)

    def _call(self, action: str, key: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except botocore.exceptions.ClientError as error:
            raise self._explain(action, key, error.response.get("Error", {})) from error
        except S3UploadFailedError as error:
            # boto3 hides S3's answer to an upload behind this (boto3/s3/transfer.py, upload_file).
            answer = getattr(error.__context__, "response", {})
            told = answer.get("Error", {"Message": str(error)})
            raise self._explain(action, key, told) from error
        except NETWORK_ERRORS as error:
            raise StorageError(f"{action} on s3://{self.bucket}/{key} failed: {error}") from error

    def _explain(self, action: str, key: str, error: Mapping[str, Any]) -> StorageError:
        code = str(error.get("Code", ""))
        text = SENTENCES.get(code)
        if text is None:
            told = error.get("Message") or code
            return StorageError(f"S3 answers {action} on s3://{self.bucket}/{key}: {told}", code)
        return StorageError(
            text.format(bucket=self.bucket, key=key, action=action, hint=HINTS.get(action, "")),
            code,
        )


def open_bucket(region: str, bucket: str) -> S3Gateway:
    """Return a gateway with the credentials that boto3 finds: inside a job, its role's."""
    return S3Gateway(boto3.client("s3", region_name=region, config=CLIENT_CONFIG), bucket)
