"""What S3 refuses, said in one sentence that names the object and what to do."""

from collections.abc import Mapping
from typing import Any

from snakemake_executor_plugin_batchx.denials import DENIED_CODES, HEAD, Party, explain_denial
from snakemake_executor_plugin_batchx.errors import BatchxError

ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CopyObject": "s3:PutObject",
    "UploadPartCopy": "s3:PutObject",
    "RestoreObject": "s3:RestoreObject",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObjects": "s3:DeleteObject",
    "CreateBucket": "s3:CreateBucket",
}
"""The permission that an operation needs (https://docs.aws.amazon.com/AmazonS3/latest/userguide/
using-with-s3-policy-actions.html). permissions/ says the same, as tests see to: jobs do without it,
and have only what stands here."""

_MISSING = "s3://{bucket}/{key} does not exist (any more)."
_REPLACED = "s3://{bucket}/{key} was replaced while it was being read: run it again."
_DAMAGED = (
    "s3://{bucket}/{key} did not arrive in S3 as it was sent: did the file change meanwhile? "
    "Nothing was stored; run it again."
)

SENTENCES = {
    "NoSuchBucket": "S3 bucket {bucket} does not exist: create it, or name another S3 root.",
    "NoSuchKey": _MISSING,
    "404": _MISSING,
    "PreconditionFailed": _REPLACED,
    "412": _REPLACED,
    "BadDigest": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "InvalidObjectState": (
        "s3://{bucket}/{key} is archived in Glacier and cannot be read: restore it first "
        "(batchx sync --restore DAYS, or aws s3api restore-object)."
    ),
    "SlowDown": (
        "S3 asked again and again to slow down on s3://{bucket}/{key}: run it again later, or "
        "spread the load over more prefixes."
    ),
    "InvalidAccessKeyId": (
        "AWS does not know the access key in use: check --batchx-profile or the AWS_… environment, "
        "and the region, for AWS in China and GovCloud know only their own."
    ),
    "RequestTimeTooSkewed": (
        "S3 refuses {action} because this machine's clock does not show the time: let it be set by "
        "the network (timedatectl set-ntp true, say)."
    ),
    "ExpiredToken": "The AWS credentials in use have expired: renew them (aws sso login, say).",
    "PermanentRedirect": (
        "S3 bucket {bucket} is in another region: set --batchx-region to the bucket's and queue's."
    ),
}
"""Error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

HINTS = {
    "s3:GetObject": " Without s3:ListBucket, S3 says this of an object that is not there, too."
}

MISSING_CODES = frozenset({"NoSuchKey", "404", "NoSuchBucket"})

NOT_THERE = {"NoSuchKey", "404", "AccessDenied", "403"}
"""What S3 says of an object that is not there, the latter two to who may not list the bucket."""


class StorageError(BatchxError):
    """S3 would not do what was asked; `code` is its error code, empty for a network failure."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


def explain_refusal(
    operation: str, bucket: str, key: str, error: Mapping[str, Any], party: Party = HEAD
) -> StorageError:
    """Return an error for S3's Code and Message; `party` is whose credentials were used."""
    action, place = ACTIONS[operation], f"s3://{bucket}/{key}"
    code, told = str(error.get("Code", "")), str(error.get("Message") or "")
    if code in DENIED_CODES:
        text = explain_denial(told, action, party, place)
        return StorageError(text + HINTS.get(action, ""), code)
    sentence = SENTENCES.get(code)
    if sentence is None:
        return StorageError(f"S3 answers {action} on {place}: {told or code}", code)
    return StorageError(sentence.format(bucket=bucket, key=key, action=action), code)
