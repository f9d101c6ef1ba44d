"""Policies of buckets, whose conditions moto does not look at."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult

TLS_KEY = "aws:securetransport"
"""True for all that reaches the embedded S3: it listens on this machine's own address only, where
nobody reads along, and speaks no TLS
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""


def is_about_plain_http(statement: dict[str, Any]) -> bool:
    """True if a statement counts only for requests without TLS."""
    wanted = statement.get("Condition", {}).get("Bool", {})
    return any(
        key.lower() == TLS_KEY and str(value).lower() == "false" for key, value in wanted.items()
    )


def judge_request(bucket: Any, action: str, resource: str) -> PermissionResult:
    """What a bucket's policy says, in the place of moto's ``FakeBucket.get_permission``."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(bucket.policy)
    statements = document["Statement"]
    found = statements if isinstance(statements, list) else [statements]
    kept = [each for each in found if not is_about_plain_http(each)]
    policy = IAMPolicy(json.dumps({**document, "Statement": kept}))
    return policy.is_action_permitted(action, resource)
