"""The table of failures, against what Batch takes of it and the messages known from AWS."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.plan.failures import FAILURES

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "failures.json").read_text(encoding="utf-8")
)
MEMBERS = {"reason": "onReason", "status_reason": "onStatusReason"}
RETRIED = [glob for row in FAILURES for glob in row.retried]


def test_every_row_has_a_message_that_it_is_first_to_match() -> None:
    first_rows = {
        next(row for row in FAILURES if re.search(row.pattern, m["message"], re.I | re.S)).pattern
        for m in MESSAGES
    }
    assert first_rows == {row.pattern for row in FAILURES}


@pytest.mark.parametrize("case", MESSAGES, ids=[m["message"][:40] for m in MESSAGES])
def test_a_verified_message_names_where_it_was_seen(case: dict[str, str]) -> None:
    assert case["source"].startswith("https://") == case["verified"]


def test_what_is_retried_is_told_as_batch_takes_it() -> None:
    # https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    assert RETRIED
    for member, pattern in RETRIED:
        assert member in MEMBERS.values()
        assert "*" not in pattern[:-1]
        assert len(pattern) <= 512


@pytest.mark.parametrize("case", MESSAGES, ids=[m["message"][:40] for m in MESSAGES])
def test_another_host_may_mend_what_is_retried_and_what_is_told_of_spot_is(
    case: dict[str, str],
) -> None:
    is_retried = any(
        member == MEMBERS[case["field"]] and fnmatchcase(case["message"], pattern)
        for member, pattern in RETRIED
    )
    assert not is_retried or case["kind"] in ("infrastructure", "image", "disk")
    assert is_retried or not case["message"].startswith(("Host EC2", "Your Spot", "CannotPull"))
