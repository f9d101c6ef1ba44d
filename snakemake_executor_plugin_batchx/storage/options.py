"""What a user may ask of S3, and the parameters that say so to it."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

READS = frozenset({"GetObject", "HeadObject", "ListObjectsV2", "RestoreObject"})
CREATIONS = frozenset({"PutObject", "CreateMultipartUpload", "CopyObject"})
PARTS = frozenset(
    {"UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload"}
)

ADDRESSINGS = ("auto", "path", "virtual", "accelerate")
"""How a bucket is named in a URL: in its path, in its host, or in that of the accelerated endpoint
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html)."""

STORAGE_CLASSES = (
    *("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"),
    *("REDUCED_REDUNDANCY", "GLACIER", "DEEP_ARCHIVE"),
)
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html"""

ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects have to be restored before they are read."""


BUCKET_OWNER_ACL = "bucket-owner-full-control"


@dataclass(frozen=True)
class S3Options:
    """How to reach S3, and how objects are stored. None leaves a choice to S3 or the bucket."""

    endpoint_url: str | None = None
    addressing: str = "auto"
    kms_key_id: str | None = None
    storage_class: str | None = None
    acl: str | None = None
    is_requester_pays: bool = False

    def list_params(self, operation: str) -> dict[str, str]:
        """Return the parameters that an operation gets, as boto3 names them."""
        params: dict[str, str] = {}
        for name, (operations, make) in _PARAMS.items():
            value = getattr(self, name)
            if value and operation in operations:
                params |= {each: text.format(value) for each, text in make.items()}
        return params

    @property
    def for_own_objects(self) -> "S3Options":
        """The options for what batchx itself keeps, which is read soon and removed."""
        return dataclasses.replace(self, storage_class=None)

    def encode(self) -> str:
        """Return what differs from the defaults as a text for a job's command; may be empty."""
        plain = S3Options()
        asked = {n: v for n, v in dataclasses.asdict(self).items() if v != getattr(plain, n)}
        return json.dumps(asked, separators=(",", ":")) if asked else ""

    def make_config(self) -> dict[str, Any]:
        """Return the `s3` part of a botocore Config; empty where nothing is asked."""
        if self.addressing == "accelerate":
            return {"use_accelerate_endpoint": True}
        return {} if self.addressing == "auto" else {"addressing_style": self.addressing}


PLAIN_OPTIONS = S3Options()


def decode_options(text: str = "") -> S3Options:
    """Return the options of a text that `encode` made."""
    return S3Options(**json.loads(text)) if text else S3Options()


_PARAMS: Mapping[str, tuple[frozenset[str], Mapping[str, str]]] = {
    "kms_key_id": (CREATIONS, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "{}"}),
    "storage_class": (CREATIONS, {"StorageClass": "{}"}),
    "acl": (CREATIONS, {"ACL": "{}"}),
    "is_requester_pays": (
        READS | CREATIONS | PARTS | {"DeleteObjects"},
        {"RequestPayer": "requester"},
    ),
}
