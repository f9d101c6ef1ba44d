"""What AWS says to callers without a permission, as sentences."""

import json
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.denials import (
    DENYING,
    EXECUTION,
    HEAD,
    INSTANCE,
    JOB,
    LACKING,
    STACK_MAKER,
    Denial,
    explain_denial,
    read_denial,
)

PARTIES = {"head": HEAD, "job": JOB, "execution": EXECUTION, "instance": INSTANCE}

MESSAGES = json.loads((Path(__file__).parent / "aws_messages" / "denials.json").read_text())

ME = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: batch:SubmitJob"


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: case["source"].rpartition("/")[2])
def test_messages(case: dict[str, Any]) -> None:
    told = explain_denial(case["message"], case["asked"], PARTIES[case["party"]], case["on"])
    if case["told"] is not None:
        assert told == case["told"]
    assert told.count(": ") == 1  # the doctor parts the fix from what is wrong


@pytest.mark.parametrize("kind", LACKING)
def test_kinds_of_policies(kind: str) -> None:
    if not kind:
        return
    lacking = read_denial(f"{ME} because no {kind} allows the batch:SubmitJob action")
    assert lacking is not None
    assert (lacking.kind, lacking.is_explicit) == (kind, False)
    denying = read_denial(f"{ME} with an explicit deny in a {kind}: arn:aws:iam::1:policy/p")
    assert denying is not None
    assert (denying.kind, denying.is_explicit, denying.policy) == (
        kind,
        True,
        "arn:aws:iam::1:policy/p",
    )


def test_tables_have_the_same_kinds() -> None:
    assert LACKING.keys() == DENYING.keys()


def test_unknown_kinds_of_policies() -> None:
    """AWS may add some: what is known of the call is told all the same."""
    told = explain_denial(f"{ME} with an explicit deny in a moon policy", "x:Y", HEAD)
    assert told.startswith("User me of account 123456789012 is denied batch:SubmitJob, for a ")


@pytest.mark.parametrize("message", ["", "Access Denied", "Forbidden", "no such bucket"])
def test_words_that_tell_nothing(message: str) -> None:
    assert read_denial(message) is None


def test_words_that_are_not_understood_are_quoted() -> None:
    told = explain_denial("not you.", "logs:GetLogEvents", HEAD)
    assert told.startswith("The credentials of this machine lack logs:GetLogEvents (not you): add")


def test_names_without_an_arn() -> None:
    """Some services name a user without one."""
    words = "User: deploy is not authorized to perform: iam:CreatePolicy because no identity-based"
    told = explain_denial(f"{words} policy allows the iam:CreatePolicy action", "x:Y", HEAD)
    assert told.startswith("User deploy lacks iam:CreatePolicy: add it")
    assert read_denial(words) == Denial("deploy", "iam:CreatePolicy")


def test_who_makes_stacks_needs_no_policy_of_runs() -> None:
    words = ME.replace("batch:SubmitJob", "cloudformation:CreateStack")
    told = explain_denial(f"{words} because no identity-based policy allows it", "x:Y", STACK_MAKER)
    assert told == (
        "User me of account 123456789012 lacks cloudformation:CreateStack: run this as whoever "
        "made the stack, or as an administrator; or add it to its policies (docs/account.md lists "
        "those that batchx infra takes)."
    )
    bounded = f"{words} because no permissions boundary allows it"
    assert "whoever made the stack" not in explain_denial(bounded, "x:Y", STACK_MAKER)


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:batch:us-east-1:123456789012:/v1/describejobqueues",
        "arn:aws:logs:us-east-1:123456789012:log-group::log-stream:",
        "***",
    ],
)
def test_resources_that_nobody_knows_are_not_told(resource: str) -> None:
    assert " on " not in explain_denial(f"{ME} on resource: {resource}", "x:Y", HEAD)
