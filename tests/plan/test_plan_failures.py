"""The table of failures, against what Batch takes of it and the messages known from AWS."""

import json
import string
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.failure_row import KINDS, FailureRow, Place
from snakemake_executor_plugin_batchx.plan.failures import FAILURES, find_failure

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "failures.json").read_text(encoding="utf-8")
)
MEMBERS = {"reason": "onReason", "status_reason": "onStatusReason"}
RETRIED = [glob for row in FAILURES for glob in row.retried]

PLACES = {
    "reason": (Place.WORDS,),
    "status_reason": (Place.STATUS, Place.WORDS),
    "flag": (Place.FLAG,),
    "control_group": (Place.CONTROL_GROUP,),
    "problem": (Place.PROBLEM,),
    "output": (Place.OUTPUT,),
    "entry": (Place.ENTRY,),
    "afterwards": (Place.AFTERWARDS,),
    "exit_code": (Place.EXIT_CODE,),
    "none": (),
}
"""Where each field of the fixtures stands as evidence."""

FACTS = {
    "command": "its command",
    "image": "tool:1",
    "memory_mib": 2048,
    "peak": " (measured peak: 2047 MiB)",
    "limits": " (2047 of 2048 MiB)",
    "time_limit": " of 60 min",
    "exit_code": 7,
    "given_reason": "enough",
    "problem": "it did {not}",
    "besides": ". It did {not}",
}


def name_case(case: dict[str, Any]) -> str:
    return f"{case['field']}-{case['message'][:40]}"


def name_row(row: FailureRow) -> str:
    return row.shown


parametrize_messages = pytest.mark.parametrize("case", MESSAGES, ids=name_case)
parametrize_rows = pytest.mark.parametrize("row", FAILURES, ids=name_row)


@parametrize_messages
def test_a_message_finds_its_row_before_any_other(case: dict[str, Any]) -> None:
    evidence = {place: [case["message"]] for place in PLACES[case["field"]]}
    assert find_failure(evidence).shown == case["row"]


def test_every_row_has_a_message() -> None:
    assert {case["row"] for case in MESSAGES} == {row.shown for row in FAILURES}
    assert len({row.shown for row in FAILURES}) == len(FAILURES)


@parametrize_messages
def test_a_verified_message_names_where_it_was_seen(case: dict[str, Any]) -> None:
    assert case["source"].startswith("https://") == case["verified"]
    assert case["source"]


@parametrize_rows
def test_a_row_reads_as_sentences(row: FailureRow) -> None:
    assert row.kind in KINDS
    sentence, advice = row.sentence.format_map(FACTS), row.advice.format_map(FACTS)
    fields = [
        name
        for text in (row.sentence, row.advice)
        for _, name, _, _ in string.Formatter().parse(text)
        if name is not None
    ]
    assert set(fields) <= FACTS.keys()
    assert sentence == sentence.strip().rstrip(".")
    assert not advice or advice.endswith(".")
    assert "  " not in sentence + advice


def test_what_is_retried_is_told_as_batch_takes_it() -> None:
    # https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    assert RETRIED == [
        ("onStatusReason", "Host EC2*"),
        ("onStatusReason", "Your Spot Task was interrupted*"),
        ("onReason", "CannotPull*"),
        ("onReason", "DockerTimeout*"),
    ]
    for _, pattern in RETRIED:
        assert "*" not in pattern[:-1]
        assert len(pattern) <= 512


@pytest.mark.parametrize("case", [m for m in MESSAGES if m["field"] in MEMBERS], ids=name_case)
def test_who_is_told_to_try_again_is_who_does(case: dict[str, Any]) -> None:
    row = next(row for row in FAILURES if row.shown == case["row"])
    is_retried = any(
        member == MEMBERS[case["field"]] and fnmatchcase(case["message"], pattern)
        for member, pattern in RETRIED
    )
    assert not is_retried or row.kind in ("infrastructure", "image", "disk")
    # The newer name of DockerTimeoutError is Fargate's, which evaluateOnExit has no room for.
    if not case["message"].startswith("ContainerRuntimeTimeout"):
        assert is_retried == (row.retried_by == "Batch")
