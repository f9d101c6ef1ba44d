"""Which of the account's own KMS keys a call uses, and what it needs on them.

Keys that AWS manages (``alias/aws/…``) ask for nothing: S3 and Secrets Manager may use them for
everybody in the account.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (which decrypts only for the
checksum) and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends

from snakemake_executor_plugin_batchx.local.iam.authority import AccessDeniedError
from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.iam.s3_needs import (
    PLAIN,
    ObjectSource,
    S3Request,
    find_object_subresource,
    read_source,
)
from snakemake_executor_plugin_batchx.local.identity import Identity

DECRYPT, MAKE_DATA_KEY = "kms:Decrypt", "kms:GenerateDataKey"
ALGORITHM_HEADER = "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"
KEY_HEADER = f"{ALGORITHM_HEADER}_AWS_KMS_KEY_ID"
BY_KMS = ("aws:kms", "aws:kms:dsse")
OF_AWS = "alias/aws/"
SECRETS = "secretsmanager"
KEY_DENIED = "Access to KMS is not allowed"
SECRET_NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "GetSecretValue": (DECRYPT,),
        "PutSecretValue": (MAKE_DATA_KEY, DECRYPT),
        "UpdateSecret": (MAKE_DATA_KEY, DECRYPT),
        "CreateSecret": (MAKE_DATA_KEY, DECRYPT),
    }
)


class Encryption:
    """Looks keys up in moto's backends.

    Args:
        identity: account, region and partition.
    """

    def __init__(self, identity: Identity):
        self._identity = identity

    def list_s3_needs(self, request: S3Request) -> list[Need]:
        """What a request to S3 needs of keys."""
        return [
            self._make_need(action, key, "s3")
            for action, key in self._iter_s3_keys(request)
            if key is not None
        ]

    def list_secret_needs(self, operation: str, parameters: Mapping[str, Any]) -> list[Need]:
        """What a call of Secrets Manager needs of keys."""
        key = parameters.get("KmsKeyId") or self._find_secret_key(parameters.get("SecretId", ""))
        if not key or key.startswith(OF_AWS):
            return []
        actions = SECRET_NEEDS.get(operation, ())
        return [self._make_need(action, key, SECRETS) for action in actions]

    def _iter_s3_keys(self, request: S3Request) -> Iterator[tuple[str, str | None]]:
        if not request.key:
            return
        subresource = find_object_subresource(request)
        call = (request.method, subresource)
        source = read_source(request)
        if call == ("GET", PLAIN) or (
            call == ("HEAD", PLAIN) and "HTTP_X_AMZ_CHECKSUM_MODE" in request.headers
        ):
            version = request.query.get("versionId", [None])[0]
            own = ObjectSource(request.bucket, request.key, version)
            yield DECRYPT, self._find_object_key(own)
        if source is not None:
            yield DECRYPT, self._find_object_key(source)
        if call in (("PUT", PLAIN), ("POST", "uploads")):
            yield MAKE_DATA_KEY, self._find_new_key(request)
        if call in (("PUT", "uploadId"), ("POST", "uploadId")):
            yield DECRYPT, self._find_upload_key(request)

    def _find_bucket(self, name: str) -> Any:
        return s3_backends[self._identity.account_id][self._identity.partition].buckets.get(name)

    def _find_object_key(self, place: ObjectSource) -> str | None:
        bucket = self._find_bucket(place.bucket)
        versions = [] if bucket is None else bucket.keys.getlist(place.key, default=[])
        for each in reversed(versions):
            if place.version in (None, str(getattr(each, "version_id", ""))):
                # A marker of a deletion has no encryption.
                return _choose(getattr(each, "encryption", None), getattr(each, "kms_key_id", None))
        return None

    def _find_new_key(self, request: S3Request) -> str | None:
        """The key that a new object will be encrypted with: the request's or the bucket's."""
        if ALGORITHM_HEADER in request.headers:
            headers = request.headers
            return _choose(headers[ALGORITHM_HEADER], headers.get(KEY_HEADER))
        bucket = self._find_bucket(request.bucket)
        if bucket is None or not bucket.encryption:
            return None
        rule = bucket.encryption["Rule"]["ApplyServerSideEncryptionByDefault"]
        return _choose(rule["SSEAlgorithm"], rule.get("KMSMasterKeyID"))

    def _find_upload_key(self, request: S3Request) -> str | None:
        bucket = self._find_bucket(request.bucket)
        upload = None if bucket is None else bucket.multiparts.get(request.query["uploadId"][0])
        if upload is None:
            return None
        return _choose(upload.sse_encryption, upload.kms_key_id)

    def _find_secret_key(self, name_or_arn: str) -> str | None:
        backend = secretsmanager_backends[self._identity.account_id][self._identity.region]
        secret = backend.secrets.get(name_or_arn)
        return None if secret is None else secret.kms_key_id

    def _make_need(self, action: str, key: str, service: str) -> Need:
        identity = self._identity
        via = {"kms:viaservice": (f"{service}.{identity.region}.amazonaws.com",)}
        if key.startswith("arn:") and ":key/" in key:
            return Need(action, key, via)
        backend = kms_backends[identity.account_id][identity.region]
        alias = backend.get_alias_name(key)
        found = backend.get_key_id_from_alias(alias) if alias.startswith("alias/") else key
        return Need(action, identity.make_arn("key", found or alias, service="kms"), via)


def tell_denial(error: AccessDeniedError, service: str) -> str:
    """How a service tells of a denial: Secrets Manager does not pass on what KMS says.

    Seen in https://github.com/external-secrets/external-secrets/issues/390.
    """
    is_of_key = service == SECRETS and error.action.startswith("kms:")
    return KEY_DENIED if is_of_key else str(error)


def _choose(algorithm: str | None, key: str | None) -> str | None:
    """The account's own key that encrypts something; None where there is none."""
    if algorithm not in BY_KMS or not key or key.startswith(OF_AWS):
        return None
    return key
