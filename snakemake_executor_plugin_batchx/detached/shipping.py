"""The way of a detached head's journal to the record: from its Snakemake, a process of its own."""

import json
from collections.abc import Mapping

from snakemake_executor_plugin_batchx.detached.record import Record, RecordStore
from snakemake_executor_plugin_batchx.journal import Ship

VARIABLE = "BATCHX_DETACHED_RECORD"
"""Tells a Snakemake that a detached head started where the record is, and who writes it."""


def name_record(prefix: str, attempt: int, next_number: int) -> dict[str, str]:
    """Return the variable for a head's Snakemake."""
    return {VARIABLE: json.dumps([prefix, attempt, next_number])}


def open_shipping(environment: Mapping[str, str], store: RecordStore) -> Ship | None:
    """Return what ships journals to the record; None where this is no detached head."""
    if VARIABLE not in environment:
        return None
    prefix, attempt, next_number = json.loads(environment[VARIABLE])
    return Record(store, prefix, attempt, next_number).append_lines
