"""What a request to S3 needs, by its method, its path and its subresource.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
(which operation needs which action) and
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qs, unquote, urlsplit

from snakemake_executor_plugin_batchx.local.iam.errors import UnknownOperationError
from snakemake_executor_plugin_batchx.local.iam.needs import Need

PLAIN = ""
"""A request without a subresource."""

OBJECT_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("GET", PLAIN): ("GetObject",),
        ("HEAD", PLAIN): ("GetObject",),
        ("PUT", PLAIN): ("PutObject",),
        ("DELETE", PLAIN): ("DeleteObject",),
        ("GET", "acl"): ("GetObjectAcl",),
        ("PUT", "acl"): ("PutObjectAcl",),
        ("GET", "attributes"): ("GetObject", "GetObjectAttributes"),
        ("GET", "tagging"): ("GetObjectTagging",),
        ("PUT", "tagging"): ("PutObjectTagging",),
        ("DELETE", "tagging"): ("DeleteObjectTagging",),
        ("GET", "legal-hold"): ("GetObjectLegalHold",),
        ("PUT", "legal-hold"): ("PutObjectLegalHold",),
        ("GET", "retention"): ("GetObjectRetention",),
        ("PUT", "retention"): ("PutObjectRetention",),
        ("POST", "restore"): ("RestoreObject",),
        ("POST", "select"): ("GetObject",),
        ("POST", "uploads"): ("PutObject",),
        ("PUT", "uploadId"): ("PutObject",),
        ("POST", "uploadId"): ("PutObject",),
        ("GET", "uploadId"): ("ListMultipartUploadParts",),
        ("DELETE", "uploadId"): ("AbortMultipartUpload",),
    }
)
VERSION_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "GetObject": "GetObjectVersion",
        "GetObjectAcl": "GetObjectVersionAcl",
        "GetObjectAttributes": "GetObjectVersionAttributes",
        "GetObjectTagging": "GetObjectVersionTagging",
        "PutObjectAcl": "PutObjectVersionAcl",
        "PutObjectTagging": "PutObjectVersionTagging",
        "DeleteObject": "DeleteObjectVersion",
        "DeleteObjectTagging": "DeleteObjectVersionTagging",
    }
)
"""What the action is where the request names a version."""


def _configure(subresource: str, name: str) -> dict[tuple[str, str], str]:
    """Get, put and remove one of a bucket's settings; removing needs the action of putting."""
    return {
        ("GET", subresource): f"Get{name}",
        ("PUT", subresource): f"Put{name}",
        ("DELETE", subresource): f"Put{name}",
    }


BUCKET_ACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("GET", PLAIN): "ListBucket",
        ("HEAD", PLAIN): "ListBucket",
        ("PUT", PLAIN): "CreateBucket",
        ("DELETE", PLAIN): "DeleteBucket",
        ("GET", "location"): "GetBucketLocation",
        ("GET", "uploads"): "ListBucketMultipartUploads",
        ("GET", "versions"): "ListBucketVersions",
        ("GET", "policyStatus"): "GetBucketPolicyStatus",
        **_configure("accelerate", "AccelerateConfiguration"),
        **_configure("acl", "BucketAcl"),
        **_configure("cors", "BucketCORS"),
        **_configure("encryption", "EncryptionConfiguration"),
        **_configure("lifecycle", "LifecycleConfiguration"),
        **_configure("logging", "BucketLogging"),
        **_configure("notification", "BucketNotification"),
        **_configure("object-lock", "BucketObjectLockConfiguration"),
        **_configure("ownershipControls", "BucketOwnershipControls"),
        **_configure("policy", "BucketPolicy"),
        ("DELETE", "policy"): "DeleteBucketPolicy",
        **_configure("publicAccessBlock", "BucketPublicAccessBlock"),
        **_configure("replication", "ReplicationConfiguration"),
        **_configure("requestPayment", "BucketRequestPayment"),
        **_configure("tagging", "BucketTagging"),
        **_configure("versioning", "BucketVersioning"),
        **_configure("website", "BucketWebsite"),
        ("DELETE", "website"): "DeleteBucketWebsite",
    }
)
UNKNOWN_SUBRESOURCES = frozenset(
    {
        *("analytics", "intelligent-tiering", "inventory", "metadataConfiguration"),
        *("metadataTable", "metrics", "renameObject", "session", "torrent"),
    }
)
"""Those of S3's that stand in no table here: they are refused, not taken for plain requests."""

OBJECT_SUBRESOURCES = {name for _, name in OBJECT_ACTIONS} - {PLAIN} | UNKNOWN_SUBRESOURCES
BUCKET_SUBRESOURCES = {name for _, name in BUCKET_ACTIONS} - {PLAIN} | UNKNOWN_SUBRESOURCES

HEADER_ACTIONS: Mapping[str, str] = MappingProxyType(
    {"HTTP_X_AMZ_TAGGING": "PutObjectTagging", "HTTP_X_AMZ_ACL": "PutObjectAcl"}
)
"""What headers of a request that makes an object need beside PutObject."""

CONDITIONAL_WRITES = (("PUT", PLAIN), ("POST", "uploadId"))
"""What needs GetObject, too, with If-Match: it tells whether the object is the one that is meant.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

HEADER_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "HTTP_IF_MATCH": "s3:if-match",
        "HTTP_IF_NONE_MATCH": "s3:if-none-match",
        "HTTP_X_AMZ_ACL": "s3:x-amz-acl",
        "HTTP_X_AMZ_COPY_SOURCE": "s3:x-amz-copy-source",
        "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION": "s3:x-amz-server-side-encryption",
        "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID": (
            "s3:x-amz-server-side-encryption-aws-kms-key-id"
        ),
        "HTTP_X_AMZ_STORAGE_CLASS": "s3:x-amz-storage-class",
    }
)
QUERY_KEYS: Mapping[str, str] = MappingProxyType(
    {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
)
"""Condition keys of listings."""

LISTINGS = ("ListBucket", "ListBucketVersions")


@dataclass(frozen=True)
class S3Request:
    """Method and place of a request; ``key`` is empty for one to a bucket."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]

    @property
    def is_bulk_delete(self) -> bool:
        """True for DeleteObjects, which is answered for each key on its own."""
        return self.method == "POST" and not self.key and "delete" in self.query


@dataclass(frozen=True)
class ObjectSource:
    """An object that is read; ``version`` is None for the newest."""

    bucket: str
    key: str
    version: str | None


def read_s3_request(environ: Mapping[str, str]) -> S3Request:
    """Reads a request whose path begins with the bucket."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    bucket, _, key = path.removeprefix("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return S3Request(environ["REQUEST_METHOD"], bucket, key, query, environ)


def list_s3_needs(request: S3Request, partition: str) -> list[Need]:
    """What it needs; nothing for DeleteObjects, which is asked for each key.

    Raises:
        UnknownOperationError: the embedded AWS does not know which permission it takes.
    """
    if not request.bucket:
        return [Need("s3:ListAllMyBuckets", "*")]
    if request.is_bulk_delete:
        return []
    if not request.key:
        return [_make_bucket_need(request, partition)]
    actions = [*_list_object_actions(request)]
    arn = make_object_arn(partition, request.bucket, request.key)
    keys = _read_keys(HEADER_KEYS, request.headers)
    if "versionId" in request.query:
        keys["s3:versionid"] = (request.query["versionId"][0],)
    needs = [Need(f"s3:{action}", arn, keys) for action in actions]
    if (source := read_source(request)) is not None:
        read = "s3:GetObject" if source.version is None else "s3:GetObjectVersion"
        needs.append(Need(read, make_object_arn(partition, source.bucket, source.key)))
    return needs


def read_source(request: S3Request) -> ObjectSource | None:
    """What a request copies; None for one that does not."""
    source = request.headers.get("HTTP_X_AMZ_COPY_SOURCE")
    if source is None or request.method != "PUT":
        return None
    split = urlsplit(source)
    bucket, _, key = unquote(split.path).removeprefix("/").partition("/")
    return ObjectSource(bucket, key, parse_qs(split.query).get("versionId", [None])[0])


def find_object_subresource(request: S3Request) -> str:
    """Which part of an object a request is about: PLAIN for the object itself."""
    return _find_subresource(request, OBJECT_SUBRESOURCES)


def make_object_arn(partition: str, bucket: str, key: str) -> str:
    """``arn:aws:s3:::bucket/key``."""
    return f"arn:{partition}:s3:::{bucket}/{key}"


def make_listing_need(bucket: str, partition: str) -> Need:
    """What lets a caller learn that a key does not exist."""
    return Need("s3:ListBucket", f"arn:{partition}:s3:::{bucket}")


def make_delete_need(bucket: str, key: str, partition: str, *, is_version: bool) -> Need:
    """What removing one of DeleteObjects' keys needs."""
    action = "s3:DeleteObjectVersion" if is_version else "s3:DeleteObject"
    return Need(action, make_object_arn(partition, bucket, key))


def _make_bucket_need(request: S3Request, partition: str) -> Need:
    subresource = _find_subresource(request, BUCKET_SUBRESOURCES)
    action = BUCKET_ACTIONS.get((request.method, subresource))
    if action is None:
        raise UnknownOperationError(f"{request.method} of a bucket's {subresource or 'root'}")
    keys = {}
    if action in LISTINGS:
        keys = {
            key: (request.query[name][0],)
            for name, key in QUERY_KEYS.items()
            if name in request.query
        }
    return Need(f"s3:{action}", f"arn:{partition}:s3:::{request.bucket}", keys)


def _list_object_actions(request: S3Request) -> list[str]:
    subresource = find_object_subresource(request)
    call = (request.method, subresource)
    actions = OBJECT_ACTIONS.get(call)
    if actions is None:
        raise UnknownOperationError(f"{request.method} of an object's {subresource or 'root'}")
    if "versionId" in request.query:
        return [VERSION_ACTIONS.get(action, action) for action in actions]
    if "HTTP_IF_MATCH" in request.headers and call in CONDITIONAL_WRITES:
        actions = (*actions, "GetObject")
    if request.method in ("PUT", "POST") and subresource in (PLAIN, "uploads"):
        extra = [action for name, action in HEADER_ACTIONS.items() if name in request.headers]
        return [*actions, *extra]
    return list(actions)


def _find_subresource(request: S3Request, known: set[str] | frozenset[str]) -> str:
    return next((name for name in request.query if name in known), PLAIN)


def _read_keys(names: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {key: (headers[name],) for name, key in names.items() if name in headers}
