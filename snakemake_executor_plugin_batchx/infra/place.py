"""Where a stack is, and who is about to make or change it."""

import re
from collections.abc import Mapping

PRINCIPAL = re.compile(
    r"arn:[\w-]+:(?:iam|sts)::\d*:(?P<kind>user|assumed-role|federated-user|root)(?:/(?P<path>.+))?"
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"""

KINDS = {
    "user": "user",
    "federated-user": "federated user",
    "assumed-role": "role",
    "root": "the root user",
}


def describe_place(identity: Mapping[str, str], region: str) -> str:
    """Return account, principal and region, from the answer of GetCallerIdentity.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return f"account {identity['Account']} ({name_principal(identity['Arn'])}), region {region}"


def name_principal(arn: str) -> str:
    """Return what people call a principal."""
    found = PRINCIPAL.fullmatch(arn)
    if found is None:
        return arn
    path = found["path"] or ""
    # A session's name follows that of its role; a user may have a path before its own.
    parts = path.split("/")
    name = parts[0] if found["kind"] == "assumed-role" else parts[-1]
    return f"{KINDS[found['kind']]} {name}".rstrip()
