"""The journal's interface: a breach of it is found, whatever it is."""

from dataclasses import fields
from typing import Any

import pytest
from head_world import DESCRIPTION
from journal_breaches import KINDS, find_breaches

from snakemake_executor_plugin_batchx.concluding import Ending, make_verdict
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION
from snakemake_executor_plugin_batchx.journal_fields import (
    COMMON,
    EVENTS,
    USAGE_FIELDS,
)
from snakemake_executor_plugin_batchx.spec import Result, Usage

HEAD = {"v": SCHEMA_VERSION, "t": 1.5}
STATE: dict[str, Any] = {
    **HEAD,
    "event": "state",
    "submission": "000001",
    "status": "RUNNING",
    "reason": "",
    "attempts": 0,
}


def test_usage_is_told_whole() -> None:
    assert {each.name for each in fields(Usage)} == {row.name for row in USAGE_FIELDS}


def test_version_is_told() -> None:
    assert f"version of this interface: {SCHEMA_VERSION}" in [row.meaning for row in COMMON]


def test_kinds_of_fields_are_known_and_names_unique() -> None:
    for row in EVENTS:
        names = [each.name for each in (*COMMON, *row.fields)]
        assert sorted(names) == sorted(set(names))
        assert {each.kind for each in row.fields} <= KINDS.keys()


@pytest.mark.parametrize(
    "result", [None, Result(4, 1, 7, None, "", (), Usage(1, 1, 0, 0, 0, 0, None, 0))]
)
def test_verdicts_are_as_told(result: Result | None) -> None:
    job = TrackedJob("000001", DESCRIPTION, "job-1")
    verdict = make_verdict(job, Ending("tool", "text", "sentence", result, "log"))
    assert find_breaches({**HEAD, "event": "verdict", **verdict}) == []


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        ({}, []),
        ({"event": "stat"}, ["There is no event 'stat'."]),
        ({"more": 1}, ["event state: more is told nowhere."]),
        ({"status": None}, ["event state: status is null."]),
        ({"attempts": "0"}, ["event state: attempts is no whole number: '0'."]),
        ({"attempts": True}, ["event state: attempts is no whole number: True."]),
    ],
)
def test_breaches(change: dict[str, Any], breach: list[str]) -> None:
    assert find_breaches({**STATE, **change}) == breach


def test_a_field_that_is_missing() -> None:
    less = {name: value for name, value in STATE.items() if name != "reason"}
    assert find_breaches(less) == ["event state: reason is missing."]
