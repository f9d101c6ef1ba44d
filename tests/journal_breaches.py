"""Journals held against what the documentation tells of them (journal_fields.py)."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from snakemake_executor_plugin_batchx.journal_fields import (
    COMMON,
    EVENTS,
    JOB_FIELDS,
    START_FIELDS,
    USAGE_FIELDS,
    FieldRow,
)

KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "text": (str,),
        "whole number": (int,),
        "number": (int, float),
        "list of texts": (list,),
        "list of jobs": (list,),
        "list of starts": (list,),
        "object": (dict,),
    }
)
"""What fields may be, as JSON has it."""


def find_breaches(event: Mapping[str, Any]) -> list[str]:
    """Return a sentence for all in which a line of a journal is not as it is told here."""
    row = next((each for each in EVENTS if each.name == event.get("event")), None)
    if row is None:
        return [f"There is no event {event.get('event')!r}."]
    breaches = list(_compare(f"event {row.name}", (*COMMON, *row.fields), event))
    for job in event["jobs"] if isinstance(event.get("jobs"), list) else ():
        breaches += _compare(f"a job of event {row.name}", JOB_FIELDS, job)
    for start in event.get("starts", ()):
        breaches += _compare(f"a start of event {row.name}", START_FIELDS, start)
    if event.get("usage") is not None:
        breaches += _compare("usage", USAGE_FIELDS, event["usage"])
    return breaches


def _compare(where: str, rows: tuple[FieldRow, ...], values: Mapping[str, Any]) -> Iterator[str]:
    for unknown in sorted(values.keys() - {row.name for row in rows}):
        yield f"{where}: {unknown} is told nowhere."
    for row in rows:
        if row.name not in values:
            if not row.is_optional:
                yield f"{where}: {row.name} is missing."
        elif values[row.name] is None:
            if not row.is_null:
                yield f"{where}: {row.name} is null."
        elif type(values[row.name]) not in KINDS[row.kind]:
            yield f"{where}: {row.name} is no {row.kind}: {values[row.name]!r}."
