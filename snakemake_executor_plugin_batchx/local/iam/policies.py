"""A policy document, read: its statements, ready to be matched.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from snakemake_executor_plugin_batchx.local.iam.conditions import (
    Condition,
    NullCondition,
    iter_conditions,
)
from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError
from snakemake_executor_plugin_batchx.local.iam.globs import Glob, Keys

WITH_VARIABLES = "2012-10-17"
OLD_VERSION = "2008-10-17"
"""Of documents that name none."""
VERSIONS = (WITH_VARIABLES, OLD_VERSION)
MEMBERS = frozenset(
    {
        *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"),
        *("Principal", "NotPrincipal"),
    }
)


@dataclass(frozen=True)
class Choice:
    """``Action`` or ``NotAction``, ``Resource`` or ``NotResource``."""

    globs: tuple[Glob, ...]
    is_excluding: bool

    def includes(self, value: str, keys: Keys) -> bool:
        """True if the value is one of those that are meant."""
        return any(glob.matches(value, keys) for glob in self.globs) is not self.is_excluding


@dataclass(frozen=True)
class Statement:
    """One statement; ``principals`` maps a kind to its names, in trust policies only."""

    is_allowing: bool
    actions: Choice
    resources: Choice | None
    conditions: tuple[Condition | NullCondition, ...]
    principals: Mapping[str, tuple[str, ...]] | None

    def applies(self, action: str, resource: str, keys: Keys) -> bool:
        """True if action and resource are among its own and all conditions are met."""
        return (
            self.actions.includes(action, keys)
            and self.resources is not None
            and self.resources.includes(resource, keys)
            and all(condition.is_met(keys) for condition in self.conditions)
        )

    def trusts(self, principals: Mapping[str, tuple[str, ...]], action: str, keys: Keys) -> bool:
        """True, in a trust policy, if it names one of the principals and all else applies.

        Args:
            principals: by their kind (``AWS``, ``Service``), each with its names.
            action: ``sts:AssumeRole``.
            keys: the request's condition keys.
        """
        named = self.principals or {}
        return (
            self.actions.includes(action, keys)
            and any(set(named.get(kind, ())) & {*names, "*"} for kind, names in principals.items())
            and all(condition.is_met(keys) for condition in self.conditions)
        )


@lru_cache(maxsize=1024)
def read_policy(document: str) -> tuple[Statement, ...]:
    """The statements of a document in JSON; read once for each text.

    Raises:
        PolicyError: it is malformed, or holds what the embedded AWS cannot evaluate.
    """
    try:
        policy = json.loads(document)
    except ValueError:
        raise PolicyError("The policy is no JSON.") from None
    version = policy.get("Version", OLD_VERSION)
    if version not in VERSIONS:
        raise PolicyError(f"The policy has the unknown version {version}.")
    statements = policy.get("Statement", [])
    if isinstance(statements, dict):
        statements = [statements]
    return tuple(_read_statement(each, version == WITH_VARIABLES) for each in statements)


def _read_statement(statement: Mapping[str, Any], has_variables: bool) -> Statement:
    unknown = set(statement) - MEMBERS
    if unknown:
        raise PolicyError(f"A statement of the policy has the unknown element {min(unknown)}.")
    if "NotPrincipal" in statement:
        raise PolicyError("The embedded AWS does not know NotPrincipal.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"A statement's Effect is {statement.get('Effect')}.")
    actions = _read_choice(statement, "Action", has_variables=False, is_caseless=True)
    if actions is None:
        raise PolicyError("A statement of the policy has neither Action nor NotAction.")
    return Statement(
        is_allowing=statement["Effect"] == "Allow",
        actions=actions,
        resources=_read_choice(statement, "Resource", has_variables=has_variables),
        conditions=tuple(
            iter_conditions(statement.get("Condition", {}), has_variables=has_variables)
        ),
        principals=_read_principals(statement.get("Principal")),
    )


def _read_choice(
    statement: Mapping[str, Any], name: str, *, has_variables: bool, is_caseless: bool = False
) -> Choice | None:
    """None where the statement has neither ``name`` nor its opposite."""
    is_excluding = f"Not{name}" in statement
    given = statement.get(f"Not{name}" if is_excluding else name)
    if given is None:
        return None
    globs = (
        Glob(text, has_variables=has_variables, is_caseless=is_caseless) for text in _list(given)
    )
    return Choice(tuple(globs), is_excluding)


def _read_principals(given: Any) -> Mapping[str, tuple[str, ...]] | None:
    if given is None:
        return None
    if given == "*":
        return {"AWS": ("*",)}
    return {kind: tuple(_list(names)) for kind, names in given.items()}


def _list(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
