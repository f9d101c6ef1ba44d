"""The way to a bucket: which client makes its requests."""

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.storage.answers import Answer
from snakemake_executor_plugin_batchx.storage.checksums import Checksums, Content
from snakemake_executor_plugin_batchx.storage.inbox import Inbox
from snakemake_executor_plugin_batchx.storage.native import NATIVE_ERRORS, NativeClient
from snakemake_executor_plugin_batchx.storage.options import S3Options
from snakemake_executor_plugin_batchx.storage.place import BucketPlace
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

BAD_IN_A_ROW = 16
"""After so many requests that brought no answer, awscrt is left alone for OFF_SECONDS."""

OFF_SECONDS = 300.0

CREDENTIAL_SECONDS = 60.0
"""How often credentials are looked at, which renew themselves minutes before they end."""


class Bucket(Protocol):
    """What transfers need of the S3 gateway."""

    bucket: str
    credentials: Any
    ca_bundle: str | None
    checksums: Checksums
    options: S3Options

    @property
    def place(self) -> BucketPlace | None:
        """Where boto3 found the bucket's objects, if it has and another client can go there."""

    def get_model(self, operation: str) -> Any:
        """Return how an operation is written."""

    def perform(
        self, operation: str, key: str, params: Mapping[str, Any], content: Content = b""
    ) -> Answer:
        """Do an operation on an object."""

    def explain(self, operation: str, key: str, error: Mapping[str, Any]) -> StorageError:
        """Return an error for S3's Code and Message."""


class Route:
    """Tells which client to ask for a bucket. For one event loop; to be closed."""

    def __init__(self, bucket: Bucket, inbox: Inbox) -> None:
        self.bucket = bucket
        self._inbox = inbox
        self.opening = asyncio.Lock()
        self._native: NativeClient | None = None
        self._models: dict[str, Any] = {}
        self._is_known = False
        self._off_until = 0.0
        self._bad_count = 0
        self._checked = -math.inf
        if bucket.credentials is None or bucket.place is not None:
            self.note_first()

    @property
    def is_known(self) -> bool:
        """Whether a request of boto3's has shown the way."""
        return self._is_known

    def note_first(self) -> None:
        """Note where boto3 went, now that it was answered."""
        self._is_known = True
        place = self.bucket.place
        if place is not None:
            # What awscrt makes nothing of (a bundle of authorities, say) boto3 may.
            with contextlib.suppress(*NATIVE_ERRORS):
                self._native = NativeClient(
                    place, self.bucket.credentials, self.bucket.ca_bundle, self._inbox
                )

    def find_native(self) -> NativeClient | None:
        """Return awscrt's client, None where boto3 is to be asked."""
        return self._native if time.monotonic() >= self._off_until else None

    def get_model(self, operation: str) -> Any:
        """Return how an operation is written."""
        if operation not in self._models:
            self._models[operation] = self.bucket.get_model(operation)
        return self._models[operation]

    def needs_credentials(self) -> bool:
        """Tell whether credentials are to be looked at, once in a while."""
        is_due = time.monotonic() - self._checked > CREDENTIAL_SECONDS
        if is_due:
            self._checked = time.monotonic()
        return is_due

    def note_answer(self, *, is_good: bool) -> None:
        """Note how awscrt fared."""
        self._bad_count = 0 if is_good else self._bad_count + 1
        if self._bad_count >= BAD_IN_A_ROW:
            self._bad_count = 0
            self._off_until = time.monotonic() + OFF_SECONDS

    def close(self) -> None:
        """Close awscrt's client."""
        if self._native is not None:
            self._native.close()
            self._native = None
