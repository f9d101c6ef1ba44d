"""IAM policies, made of the table for the things that a scope names."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.permissions.conditions import CONDITIONS
from snakemake_executor_plugin_batchx.permissions.ecs_calls import START_CALLS
from snakemake_executor_plugin_batchx.permissions.resources import KINDS
from snakemake_executor_plugin_batchx.permissions.row import (
    DENIED,
    HOLDERS,
    INSTANCE,
    JOB,
    OPTIONAL,
    WITHHELD,
    Permission,
)
from snakemake_executor_plugin_batchx.permissions.scope import Scope
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS

VERSION = "2012-10-17"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""

MAX_MANAGED_CHARACTERS = 6144
MAX_INLINE_CHARACTERS = 10_240
"""White space is not counted; inline is what one role may have in all its inline policies
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


@dataclass
class _Grant:
    """What may be done with one resource under one condition; `kinds` are what it stands for."""

    kinds: dict[str, None] = field(default_factory=dict)
    actions: set[str] = field(default_factory=set)


def make_policy(holder: str, scope: Scope) -> dict[str, Any]:
    """Return what a holder (head, job, execution, instance) may do, as an IAM policy document.

    What jobs need is the instances' to have where no role of jobs is named, and what starts them
    where no execution role is. Statements are in a fixed order, each with all resources with which
    the same may be done, called after their kinds.
    Raises BatchxError for another holder.
    """
    if holder not in HOLDERS:
        raise BatchxError(f"There is no policy for {holder!r}: name one of {', '.join(HOLDERS)}.")
    grants: dict[tuple[str, str, str], _Grant] = defaultdict(_Grant)
    for row in list_rows(holder, scope):
        effect = "Deny" if row.need == DENIED else "Allow"
        for kind, arn in _iter_resources(row, scope):
            condition = CONDITIONS[row.condition](scope, arn) if row.condition else {}
            grant = grants[effect, json.dumps(condition, sort_keys=True), arn]
            grant.kinds[kind] = None
            grant.actions.update(row.actions)
    return {"Version": VERSION, "Statement": list(_make_statements(grants))}


def list_rows(holder: str, scope: Scope) -> list[Permission]:
    """Return the rows of the table that count for a holder's policy."""
    rows = [row for row in PERMISSIONS if row.holder == holder]
    if holder == INSTANCE:
        rows += _iter_rows_of_others(scope)
    left_out = {WITHHELD} if scope.has_options else {WITHHELD, OPTIONAL}
    return [row for row in rows if row.need not in left_out]


def _iter_rows_of_others(scope: Scope) -> Iterator[Permission]:
    """Yield what instances do themselves where jobs name no role for it."""
    if not scope.execution_roles:
        yield from START_CALLS
    if not scope.job_roles:
        yield from (row for row in PERMISSIONS if row.holder == JOB)


def _iter_resources(row: Permission, scope: Scope) -> Iterator[tuple[str, str]]:
    return ((kind, arn) for kind in row.resources for arn in KINDS[kind](scope))


def _make_statements(
    grants: dict[tuple[str, str, str], _Grant],
) -> Iterator[dict[str, Any]]:
    """Yield statements; resources that share effect, condition and actions share one."""
    shared: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, _Grant]]] = defaultdict(list)
    for (effect, condition, arn), grant in grants.items():
        shared[effect, condition, tuple(sorted(grant.actions))].append((arn, grant))
    taken: set[str] = set()
    for (effect, condition, actions), found in shared.items():
        kinds = dict.fromkeys(kind for _, grant in found for kind in grant.kinds)
        statement = {
            "Sid": _make_sid(effect, actions, kinds, taken),
            "Effect": effect,
            "Action": _shorten(actions),
            "Resource": _shorten(sorted(arn for arn, _ in found)),
        }
        if condition != "{}":
            statement["Condition"] = json.loads(condition)
        yield statement


def _make_sid(effect: str, actions: Sequence[str], kinds: Iterable[str], taken: set[str]) -> str:
    """Return a name of a statement that no other has: letters and digits only.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
    """
    what = actions[0].partition(":")[2] if len(actions) == 1 else f"Use{''.join(kinds)}"
    name = f"Never{what}" if effect == "Deny" else what
    number, sid = 1, name
    while sid in taken:
        number += 1
        sid = f"{name}{number}"
    taken.add(sid)
    return sid


def _shorten(items: Iterable[str]) -> str | list[str]:
    """Return the only one by itself."""
    found = list(items)
    return found[0] if len(found) == 1 else found


def count_characters(policy: dict[str, Any]) -> int:
    """Return the size of a policy as IAM counts it: without white space."""
    return len(json.dumps(policy, separators=(",", ":")))
