"""The job definitions of batchx in an account: whose they are, and which have had their day."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from snakemake_executor_plugin_batchx.plan.names import (
    REGISTERED_TAG,
    RULE_TAG,
    TIME_FORMAT,
    WORKFLOW_TAG,
    make_slug,
)

OLDEST = datetime.min.replace(tzinfo=UTC)
"""Stands for the time of a definition that does not tell when it was registered."""

SECONDS_A_DAY = 86400


@dataclass(frozen=True)
class FoundDefinition:
    """One active revision of a definition that batchx registered.

    `rule` is the slug of the rule's name, `workflow` the name of the workflow's folder; None stands
    for what its tags do not tell. `described` is the answer of DescribeJobDefinitions.
    """

    arn: str
    name: str
    revision: int
    rule: str
    workflow: str | None
    image: str | None
    registered: datetime | None
    described: Mapping[str, Any] = field(repr=False, compare=False)
    is_superseded: bool = False

    @property
    def label(self) -> str:
        """`name:revision`, by which Batch finds it."""
        return f"{self.name}:{self.revision}"


def interpret_definition(described: Mapping[str, Any]) -> FoundDefinition | None:
    """Turn an entry of DescribeJobDefinitions into a FoundDefinition, None if it is not ours.

    It is ours if its name is that of a definition of the rule that its tag names.
    """
    name, tags = described["jobDefinitionName"], described.get("tags") or {}
    rule = tags.get(RULE_TAG, "")
    if not rule or not re.fullmatch(f"bx-{re.escape(rule)}-[0-9a-f]{{16}}", name):
        return None
    return FoundDefinition(
        arn=described["jobDefinitionArn"],
        name=name,
        revision=int(described["revision"]),
        rule=rule,
        workflow=tags.get(WORKFLOW_TAG) or None,
        image=(described.get("containerProperties") or {}).get("image"),
        registered=read_time(tags.get(REGISTERED_TAG, "")),
        described=described,
    )


def read_time(text: str) -> datetime | None:
    """Return the UTC time `YYYYMMDDThhmmss` of a tag, None where it is none."""
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}", text):
        return None
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def interpret_definitions(described: Iterable[Mapping[str, Any]]) -> list[FoundDefinition]:
    """Return those of batchx by workflow and rule, the oldest first, the superseded ones marked."""
    found = [each for each in map(interpret_definition, described) if each]
    return sorted(
        mark_superseded(found),
        key=lambda each: (
            *(each.workflow or "", each.rule, each.registered or OLDEST),
            *(each.name, each.revision),
        ),
    )


def mark_superseded(definitions: Sequence[FoundDefinition]) -> list[FoundDefinition]:
    """Return the definitions with `is_superseded` set.

    An older revision of a name is, and so is one in whose place another was registered later for
    the same rule of the same workflow. Of those that tell no time none is later than another, so at
    least one definition of every rule is not superseded, whatever the tags say.
    """
    revisions: dict[str, int] = {}
    for each in definitions:
        revisions[each.name] = max(each.revision, revisions.get(each.name, 0))
    latest: dict[tuple[str | None, str], datetime] = {}
    for each in definitions:
        # An older revision must not supersede what is itself the newest of that name.
        if each.revision == revisions[each.name]:
            pair = (each.workflow, each.rule)
            latest[pair] = max(each.registered or OLDEST, latest.get(pair, OLDEST))

    def is_superseded(each: FoundDefinition) -> bool:
        if each.revision < revisions[each.name]:
            return True
        return (each.registered or OLDEST) < latest[each.workflow, each.rule]

    return [dataclasses.replace(each, is_superseded=is_superseded(each)) for each in definitions]


def select_definitions(
    definitions: Iterable[FoundDefinition],
    *,
    rule: str | None = None,
    workflow: str | None = None,
    is_superseded_only: bool = False,
) -> list[FoundDefinition]:
    """Return those of a rule, by its name or slug, and of a workflow; None: of any."""
    slug = None if rule is None else make_slug(rule)
    return [
        each
        for each in definitions
        if slug in (None, each.rule)
        and workflow in (None, each.workflow)
        and (each.is_superseded or not is_superseded_only)
    ]


def choose_prunable(
    definitions: Iterable[FoundDefinition], now: datetime, min_age_days: int
) -> list[FoundDefinition]:
    """Return the superseded ones registered at least so many days ago.

    One that does not tell when counts as the oldest.
    """
    min_age_seconds = min_age_days * SECONDS_A_DAY
    return [
        each
        for each in definitions
        if each.is_superseded
        and (each.registered is None or (now - each.registered).total_seconds() >= min_age_seconds)
    ]
