"""Who is let in: every request to the embedded AWS passes here before it is answered.

The account's own key may do everything. What AWS asks of resource-based policies (of buckets,
repositories, secrets) is not asked here, except of roles' trust policies; nor are signatures
verified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.local.batch_request import read_batch_request
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.iam.authority import (
    AccessDeniedError,
    Authority,
    Keys,
)
from snakemake_executor_plugin_batchx.local.iam.calls import (
    BATCH,
    S3,
    TARGET_HEADER,
    Signature,
    read_operation,
    read_signature,
)
from snakemake_executor_plugin_batchx.local.iam.encryption import SECRETS, Encryption, tell_denial
from snakemake_executor_plugin_batchx.local.iam.errors import UnknownOperationError
from snakemake_executor_plugin_batchx.local.iam.keys import make_request_keys, make_resource_keys
from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.iam.pinning import is_of_moto, pin_request
from snakemake_executor_plugin_batchx.local.iam.principals import (
    ExpiredTokenError,
    Principal,
    UnknownKeyError,
)
from snakemake_executor_plugin_batchx.local.iam.refusals import (
    Answer,
    Refusal,
    find_protocol,
    make_answer,
)
from snakemake_executor_plugin_batchx.local.iam.resource_names import AccountNames
from snakemake_executor_plugin_batchx.local.iam.s3_needs import (
    list_s3_needs,
    make_listing_need,
    read_s3_request,
)
from snakemake_executor_plugin_batchx.local.iam.service_needs import list_needs
from snakemake_executor_plugin_batchx.local.identity import Identity

UNKNOWN = (
    "The embedded AWS does not know which permission {what} of {service} needs, and lets only the "
    "account's own key do it."
)
UNSIGNED_CALLS = frozenset({"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"})
"""Of STS: they are made to become somebody."""
NOBODY = Signature("-", "", "sts", None)


class RefusedError(Exception):
    """A request is not let in; ``answer`` is what its sender gets."""

    def __init__(self, answer: Answer):
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True)
class Visitor:
    """Who made a request that was let in; ``keys`` are the request's own condition keys."""

    principal: Principal
    keys: Keys
    service: str
    region: str


class Gate:
    """See the module.

    Args:
        identity: account, region and partition.
        authority: decides.
        find_tags: the tags of one of Batch's resources by its ARN, none where it is not there.
    """

    def __init__(
        self,
        identity: Identity,
        authority: Authority,
        find_tags: Callable[[str], Mapping[str, str]],
    ):
        self._identity = identity
        self._names = AccountNames(identity, authority.sessions)
        self._encryption = Encryption(identity)
        self._find_tags = find_tags
        self.authority = authority

    def admit(self, environ: dict[str, Any]) -> Visitor | None:
        """Lets a request in; None for one that needs no signature.

        Raises:
            RefusedError: its sender is unknown or may not do it.
        """
        signature = read_signature(environ)
        if signature is None:
            if not _is_sign_in(environ):
                service = S3 if TARGET_HEADER not in environ else ""
                raise self._refuse(environ, service, Refusal.UNSIGNED)
            pin_request(environ, NOBODY, self._identity.region)
            return None
        pin_request(environ, signature, self._identity.region)
        service = signature.service
        try:
            principal = self.authority.principals.find(signature.access_key_id, signature.token)
            keys = make_request_keys(
                environ.get("REMOTE_ADDR", "127.0.0.1"), environ.get("HTTP_USER_AGENT", "")
            )
            visitor = Visitor(principal, keys, service, signature.region)
            if not principal.is_root:
                needs = self._list_needs(environ, signature)
                self.authority.check(principal, needs, visitor.keys)
        except UnknownKeyError:
            raise self._refuse(environ, service, Refusal.UNKNOWN_KEY) from None
        except ExpiredTokenError:
            raise self._refuse(environ, service, Refusal.EXPIRED) from None
        except UnknownOperationError as error:
            said = UNKNOWN.format(what=error, service=service)
            raise self._refuse(environ, service, Refusal.DENIED, said) from None
        except AccessDeniedError as error:
            said = tell_denial(error, service)
            raise self._refuse(environ, service, Refusal.DENIED, said) from None
        return visitor

    def find_hidden(self, environ: dict[str, Any], visitor: Visitor) -> Answer | None:
        """What S3 answers instead of "no such key" to a caller who may not list the bucket.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        bucket = read_s3_request(environ).bucket
        if not self._names.has_bucket(bucket):
            return None
        need = make_listing_need(bucket, self._identity.partition)
        try:
            self.authority.check(visitor.principal, [need], visitor.keys)
        except AccessDeniedError as error:
            return self._refuse(environ, S3, Refusal.DENIED, str(error)).answer
        return None

    def _refuse(
        self, environ: dict[str, Any], service: str, refusal: Refusal, said: str = ""
    ) -> RefusedError:
        protocol = find_protocol(service, has_target=TARGET_HEADER in environ)
        has_body = environ["REQUEST_METHOD"] != "HEAD"
        return RefusedError(make_answer(protocol, refusal, said, has_body=has_body))

    def _list_needs(self, environ: dict[str, Any], signature: Signature) -> list[Need]:
        """What a request needs.

        Raises:
            UnknownOperationError: that is not known.
        """
        if is_of_moto(environ):
            raise UnknownOperationError(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        if signature.service == S3:
            request = read_s3_request(environ)
            # A bucket that is not there says so to everybody.
            needs = list_s3_needs(request, self._identity.partition)
            is_there = not request.bucket or self._names.has_bucket(request.bucket)
            is_made = needs and needs[0].action == "s3:CreateBucket"
            if not (is_there or is_made):
                return []
            return needs + self._encryption.list_s3_needs(request)
        if signature.service == BATCH:
            try:
                operation, parameters = read_batch_request(environ)
            except ClientError:
                # Batch says itself that it has no such operation.
                return []
        else:
            operation, parameters = read_operation(environ, environ["wsgi.input"].getvalue())
        found = list_needs(signature.service, operation, parameters, self._identity, self._names)
        if found is None or not operation:
            raise UnknownOperationError(operation or "a request without an operation")
        if signature.service == SECRETS:
            return found + self._encryption.list_secret_needs(operation, parameters)
        return [self._add_tags(need) for need in found]

    def _add_tags(self, need: Need) -> Need:
        """Adds the condition keys of the resource's tags, if it is Batch's."""
        if not need.action.startswith(f"{BATCH}:"):
            return need
        keys = {**need.keys, **make_resource_keys(self._find_tags(need.resource))}
        return dataclasses.replace(need, keys=keys)


def _is_sign_in(environ: dict[str, Any]) -> bool:
    """True for a call of STS that needs no signature."""
    is_call = environ["REQUEST_METHOD"] in ("GET", "POST") and environ["PATH_INFO"] == "/"
    operation, _ = read_operation(environ, environ["wsgi.input"].getvalue())
    return is_call and operation in UNSIGNED_CALLS and TARGET_HEADER not in environ
