"""A request to the embedded AWS, read as far as the question goes who may make it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl

S3 = "s3"
BATCH = "batch"

SCOPE = re.compile(
    r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
)
OLD_SIGNATURE = re.compile(r"AWS (?P<key>[^:]+):")
"""Of signature version 2, which only S3 still takes."""

TOKEN_HEADER = "HTTP_X_AMZ_SECURITY_TOKEN"  # noqa: S105 - no token
TARGET_HEADER = "HTTP_X_AMZ_TARGET"
TAG = re.compile(r"Tags\.member\.(?P<number>\d+)\.(?P<part>Key|Value)")


@dataclass(frozen=True)
class Signature:
    """Who signed a request, for which service and region.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """

    access_key_id: str
    region: str
    service: str
    token: str | None


def read_signature(environ: Mapping[str, str]) -> Signature | None:
    """The signature's scope, from the headers or a presigned URL; None for an unsigned request."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    token = environ.get(TOKEN_HEADER)
    scope = SCOPE.search(header)
    if scope is None and "X-Amz-Credential" in query:
        scope = SCOPE.search(f"Credential={query['X-Amz-Credential'][0]}")
        token = query.get("X-Amz-Security-Token", [None])[0]
    if scope is not None:
        return Signature(scope["key"], scope["region"], scope["service"], token)
    old = OLD_SIGNATURE.match(header)
    if old is not None:
        return Signature(old["key"], "", S3, token)
    if "AWSAccessKeyId" in query:
        token = query.get("x-amz-security-token", [None])[0]
        return Signature(query["AWSAccessKeyId"][0], "", S3, token)
    return None


def read_operation(environ: Mapping[str, Any], body: bytes) -> tuple[str, dict[str, Any]]:
    """Operation and parameters of a request in JSON (``X-Amz-Target``) or of the query protocol.

    The operation is empty where the request has none, or is of two minds about it.
    """
    target = environ.get(TARGET_HEADER)
    query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    pairs = [*query, *parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)]
    named = {value for name, value in pairs if name == "Action"}
    if target is not None:
        return "" if named else target.rpartition(".")[2], _read_object(body)
    fields = dict(pairs)
    fields.pop("Action", None)
    operation = named.pop() if len(named) == 1 else ""
    return operation, {**fields, "Tags": _read_tags(fields)}


def _read_object(body: bytes) -> dict[str, Any]:
    """The service itself refuses what is no JSON object."""
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parameters if isinstance(parameters, dict) else {}


def _read_tags(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """The tags of a request of the query protocol, which numbers them."""
    tags: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        found = TAG.fullmatch(name)
        if found is not None:
            tags.setdefault(found["number"], {})[found["part"]] = value
    return list(tags.values())
