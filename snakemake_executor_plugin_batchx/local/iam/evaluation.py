"""Whether policies allow an action: explicit denials first, then what allows, else no.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from snakemake_executor_plugin_batchx.local.iam.globs import Keys
from snakemake_executor_plugin_batchx.local.iam.policies import Statement, read_policy

NO_KEYS: Keys = {}


class Decision(enum.Enum):
    """What policies make of a request."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicit deny"
    EXPLICIT_DENY = "explicit deny"


def evaluate(
    documents: Iterable[str], action: str, resource: str, keys: Keys = NO_KEYS
) -> Decision:
    """Decides about one action on one resource.

    Args:
        documents: the policies, in JSON.
        action: ``batch:SubmitJob``.
        resource: an ARN, or ``*`` where the action knows no resource.
        keys: the request's condition keys, in lower case.

    Raises:
        PolicyError: a policy holds what the embedded AWS cannot evaluate.
    """
    applying = [
        statement
        for document in documents
        for statement in read_policy(document)
        if statement.applies(action, resource, keys)
    ]
    return decide(applying)


def decide(applying: Iterable[Statement]) -> Decision:
    """The decision of statements that all apply to the request."""
    decision = Decision.IMPLICIT_DENY
    for statement in applying:
        if not statement.is_allowing:
            return Decision.EXPLICIT_DENY
        decision = Decision.ALLOWED
    return decision
