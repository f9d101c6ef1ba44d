"""The one place that calls S3 through boto3."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import boto3
import botocore.exceptions
from awscrt.exceptions import AwsCrtError
from botocore import xform_name
from botocore.config import Config

from snakemake_executor_plugin_batchx.denials import HEAD, JOB, Party
from snakemake_executor_plugin_batchx.storage.answers import Answer, ObjectFacts, read_facts
from snakemake_executor_plugin_batchx.storage.checksums import (
    AwsChecksums,
    Content,
    choose_checksums,
)
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options
from snakemake_executor_plugin_batchx.storage.place import BucketPlace, find_place, has_proxy
from snakemake_executor_plugin_batchx.storage.refusals import (
    ACTIONS,
    NOT_THERE,
    StorageError,
    explain_refusal,
)
from snakemake_executor_plugin_batchx.storage.spans import open_content

CLIENT_CONFIG = Config(
    max_pool_connections=32,
    connect_timeout=10,
    read_timeout=30,
    # Said here because botocore's default differs by version
    # (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
    retries={"mode": "standard", "total_max_attempts": 8},
    tcp_keepalive=True,
    # Checksums are told by what sends; Snakemake's s3 plugin turns both off, by the environment.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

BODY_TRIES = 5
"""How often an object is asked for whose bytes stop on the way; botocore tries again only what
fails before they begin."""

BODY_PAUSE_SECONDS = 1.0

CONFLICT_TRIES = 5

DELETE_BATCH = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

NETWORK_ERRORS = (
    botocore.exceptions.BotoCoreError,
    AwsCrtError,  # botocore signs with it
)
"""What boto3 raises where S3 gave no answer, or not the bytes that it had announced."""


class S3Gateway:
    """The S3 calls that batchx makes, on one bucket.

    `client` is a boto3 S3 client made with CLIENT_CONFIG; it is safe to use from many threads.
    `credentials` are those it was made with, where another client may use them, too, and
    `ca_bundle` is the file of authorities that it was told of; `party` is whose they are. Every
    method raises StorageError, one sentence, where S3 refuses or stays out of reach.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        credentials: Any = None,
        ca_bundle: str | None = None,
        options: S3Options = PLAIN_OPTIONS,
        pause: Callable[[float], None] = time.sleep,
        party: Party = HEAD,
    ) -> None:
        self._client = client
        self.bucket = bucket
        self.credentials = credentials
        self.ca_bundle = ca_bundle
        self.options = options
        self.checksums = choose_checksums(client.meta.endpoint_url)
        self._pause = pause
        self._party = party
        self._observed = threading.local()
        self._place: BucketPlace | None = None
        if credentials is not None:
            client.meta.events.register("before-send.s3", self._observe)

    @property
    def place(self) -> BucketPlace | None:
        """Where boto3 found the bucket's objects, if it has and another client can go there."""
        place = self._place
        return None if place and has_proxy(self._client.meta.config.proxies, place) else place

    def get_model(self, operation: str) -> Any:
        """Return how an operation is written, as botocore knows it."""
        return self._client.meta.service_model.operation_model(operation)

    def perform(
        self, operation: str, key: str, params: Mapping[str, Any], content: Content = b""
    ) -> Answer:
        """Do an operation on an object; return the answer, with the whole body in memory."""
        body = {"Body": open_content(content)} if operation in {"PutObject", "UploadPart"} else {}
        for tries_left in reversed(range(BODY_TRIES)):
            answer = self._ask(operation, key, Key=key, **params, **body)
            try:
                return _take_answer(answer)
            except NETWORK_ERRORS as error:
                if not tries_left:
                    raise self._tell_network(operation, key, error) from error
            self._pause(random.uniform(0, BODY_PAUSE_SECONDS))  # noqa: S311 - no secret
        raise AssertionError("unreachable")

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of an object from `offset` on."""
        wanted = f"bytes={offset}-{offset + size - 1}"
        return self.perform("GetObject", key, {"Range": wanted}).body

    def read_bytes(self, key: str) -> bytes:
        """Return a whole object; S3's checksum is verified by botocore."""
        is_aws = isinstance(self.checksums, AwsChecksums)
        return self.perform("GetObject", key, {"ChecksumMode": "ENABLED"} if is_aws else {}).body

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object whole; S3 verifies a checksum of it."""
        self.perform("PutObject", key, self.checksums.tell(data).params, data)

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        params = {**self.checksums.tell(data).params, "IfNoneMatch": "*"}
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                self.perform("PutObject", key, params, data)
            except StorageError as error:
                if error.code in {"PreconditionFailed", "412"}:
                    return False
                # Another conditional write was under way; only the next try tells who won.
                if error.code not in {"ConditionalRequestConflict", "409"} or not tries_left:
                    raise
            else:
                break
        return True

    def has_object(self, key: str) -> bool:
        """Tell whether there is an object of this key."""
        return self.find_modified(key) is not None

    def find_modified(self, key: str, bucket: str | None = None) -> float | None:
        """Return when an object was written, seconds since 1970; None where there is none.

        Who may not list the bucket is told 403 for what is not there: that counts as none.
        """
        place = {"Bucket": bucket} if bucket else {}
        try:
            answer = self._ask("HeadObject", key, Key=key, **place)
        except StorageError as error:
            if error.code in NOT_THERE:
                return None
            raise
        return float(answer["LastModified"].timestamp())

    def inspect_object(self, key: str) -> ObjectFacts:
        """Return an object's facts."""
        return read_facts(key, self.perform("HeadObject", key, {}).headers)

    def list_below(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield all objects below a prefix, the markers of folders included, by their keys."""
        more: dict[str, str] = {}
        while True:
            page = self._ask("ListObjectsV2", prefix, Prefix=prefix, **more)
            for item in page.get("Contents", ()):
                yield ObjectFacts(
                    item["Key"],
                    item["Size"],
                    item["LastModified"].timestamp(),
                    item.get("ETag", ""),
                    storage_class=item.get("StorageClass", ""),
                )
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def list_folders(self, prefix: str) -> list[str]:
        """Return the names right below a prefix (with its slash) that have objects below them."""
        names: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = self._ask("ListObjectsV2", prefix, Prefix=prefix, Delimiter="/", **more)
            folders = (each["Prefix"] for each in page.get("CommonPrefixes", ()))
            names += (folder.removeprefix(prefix).rstrip("/") for folder in folders)
            if not page.get("IsTruncated"):
                return names
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there do not matter."""
        for start in range(0, len(keys), DELETE_BATCH):
            batch = [{"Key": key} for key in keys[start : start + DELETE_BATCH]]
            answer = self._ask(
                "DeleteObjects", batch[0]["Key"], Delete={"Objects": batch, "Quiet": True}
            )
            for refused in answer.get("Errors", []):  # S3 answers 200 all the same
                raise self.explain("DeleteObjects", refused["Key"], refused)

    def explain(self, operation: str, key: str, error: Mapping[str, Any]) -> StorageError:
        """Return an error for S3's Code and Message."""
        return explain_refusal(operation, self.bucket, key, error, self._party)

    def _ask(self, operation: str, key: str, **params: Any) -> dict[str, Any]:
        """Call S3; `key` is what an error names."""
        method = getattr(self._client, xform_name(operation))
        options = self.options.list_params(operation)
        # What is about the bucket itself, or another, tells nothing of where its objects are.
        self._observed.key = key if "Key" in params and "Bucket" not in params else ""
        self._observed.place = None
        try:
            answer: dict[str, Any] = method(**{"Bucket": self.bucket, **options, **params})
        except botocore.exceptions.ClientError as error:
            raise self.explain(operation, key, error.response.get("Error", {})) from error
        except NETWORK_ERRORS as error:
            raise self._tell_network(operation, key, error) from error
        finally:
            self._observed.key = ""
            self._place = self._observed.place or self._place
        return answer

    def _tell_network(self, operation: str, key: str, error: Exception) -> StorageError:
        return StorageError(f"{ACTIONS[operation]} on s3://{self.bucket}/{key} failed: {error}")

    def _observe(self, request: Any, **_: Any) -> None:
        """Note where a request goes, redirects included, that this thread makes here."""
        key = getattr(self._observed, "key", None)
        if key:
            signed = request.headers.get("Authorization", "")
            self._observed.place = find_place(request.url, signed, key)


def _take_answer(answer: dict[str, Any]) -> Answer:
    told = answer.pop("ResponseMetadata", {})
    stream = answer.pop("Body", None)
    body: bytes = b""
    if stream is not None:
        with contextlib.closing(stream):
            body = stream.read()
    return Answer(told.get("HTTPHeaders", {}), body, answer)


def make_s3_client(session: Any, region: str | None, options: S3Options) -> Any:
    """Return a client of a boto3 session for the endpoint and the URLs that are asked for."""
    config = CLIENT_CONFIG
    if addressing := options.make_config():
        config = config.merge(Config(s3=addressing))
    return session.client("s3", region, endpoint_url=options.endpoint_url, config=config)


def open_bucket(
    region: str | None, bucket: str, options: S3Options = PLAIN_OPTIONS, party: Party = JOB
) -> S3Gateway:
    """Return a gateway with the credentials that boto3 finds: inside a job, its role's."""
    session = boto3.Session(region_name=region)
    client = make_s3_client(session, region, options)
    credentials = session.get_credentials()
    return S3Gateway(client, bucket, credentials=credentials, options=options, party=party)
