"""Policies by AWS's rules, on plain values."""

import fnmatch
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iam_kit import allow, deny, write_policy

from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError
from snakemake_executor_plugin_batchx.local.iam.evaluation import Decision, evaluate
from snakemake_executor_plugin_batchx.local.iam.globs import Glob

QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/main"
OBJECT = "arn:aws:s3:::data/runs/Ann/x.txt"
ALLOWED, IMPLICIT, EXPLICIT = Decision.ALLOWED, Decision.IMPLICIT_DENY, Decision.EXPLICIT_DENY


def decide(
    *statements: dict[str, Any],
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    **keys: str | tuple[str, ...],
) -> Decision:
    """The decision about one request; ``aws__username`` stands for aws:username."""
    given_keys = {
        name.replace("__", ":").replace("_", "-"): (value,) if isinstance(value, str) else value
        for name, value in keys.items()
    }
    return evaluate([write_policy(*statements)], action, resource, given_keys)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], IMPLICIT),
        ([allow("s3:GetObject")], ALLOWED),
        ([allow("S3:getobject")], ALLOWED),
        ([allow("s3:Get*")], ALLOWED),
        ([allow("s3:Get?bject")], ALLOWED),
        ([allow("s3:Put*")], IMPLICIT),
        ([allow(["s3:PutObject", "s3:GetObject"])], ALLOWED),
        ([allow("*")], ALLOWED),
        ([allow("s3:*", OBJECT)], ALLOWED),
        ([allow("s3:*", OBJECT.lower())], IMPLICIT),
        ([allow("s3:*", "arn:aws:s3:::data/*")], ALLOWED),
        ([allow("s3:*", "arn:aws:s3:::data/runs/???/*.txt")], ALLOWED),
        ([allow("s3:*", "arn:aws:s3:::data/runs")], IMPLICIT),
        ([allow("s3:*", ["arn:aws:s3:::other/*", OBJECT])], ALLOWED),
        ([allow("*"), deny("s3:GetObject")], EXPLICIT),
        ([deny("s3:GetObject"), allow("*")], EXPLICIT),
        ([allow("*"), deny("s3:DeleteObject")], ALLOWED),
        ([deny("s3:GetObject")], EXPLICIT),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], ALLOWED),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], IMPLICIT),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::x/*"}], ALLOWED),
        ([{"Effect": "Allow", "Action": "*", "NotResource": OBJECT}], IMPLICIT),
        ([{"Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*"}, allow("*")], ALLOWED),
    ],
)
def test_statements(statements: list[dict[str, Any]], expected: Decision) -> None:
    assert decide(*statements) is expected


def test_policies_add_up_and_any_of_them_denies() -> None:
    one, other = write_policy(allow("s3:GetObject")), write_policy(deny("s3:*"))
    assert evaluate([one], "s3:GetObject", OBJECT) is ALLOWED
    assert evaluate([write_policy(), one], "s3:GetObject", OBJECT) is ALLOWED
    assert evaluate([one, other], "s3:GetObject", OBJECT) is EXPLICIT
    assert evaluate([], "s3:GetObject", OBJECT) is IMPLICIT


@pytest.mark.parametrize(
    ("condition", "keys", "is_met"),
    [
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3__prefix": "a"}, True),
        ({"StringEquals": {"S3:Prefix": "a"}}, {"s3__prefix": "a"}, True),
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3__prefix": "A"}, False),
        ({"StringEquals": {"s3:prefix": ["b", "a"]}}, {"s3__prefix": "a"}, True),
        ({"StringEquals": {"s3:prefix": "a*"}}, {"s3__prefix": "ab"}, False),
        ({"StringEquals": {"s3:prefix": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {"s3__prefix": "b"}, False),
        ({"StringEqualsIgnoreCase": {"s3:prefix": "a"}}, {"s3__prefix": "A"}, True),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {"s3__prefix": "b"}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3__prefix": "b"}, False),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {}, True),
        ({"StringNotEqualsIfExists": {"s3:prefix": "a"}}, {}, True),
        ({"StringLike": {"s3:prefix": "runs/*"}}, {"s3__prefix": "runs/1/"}, True),
        ({"StringLike": {"s3:prefix": "runs/*"}}, {"s3__prefix": "run"}, False),
        ({"StringLikeIfExists": {"s3:prefix": "runs/*"}}, {}, True),
        ({"StringNotLike": {"s3:prefix": "runs/*"}}, {"s3__prefix": "runs/1"}, False),
        ({"StringLike": {"s3:prefix": "${aws:username}/*"}}, {"s3__prefix": "x/1"}, False),
        (
            {"StringLike": {"s3:prefix": "${aws:username}/*"}},
            {"s3__prefix": "ann/1", "aws__username": "ann"},
            True,
        ),
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"Null": {"s3:prefix": "true"}}, {"s3__prefix": "a"}, False),
        ({"Null": {"s3:prefix": False}}, {"s3__prefix": "a"}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws__securetransport": "true"}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws__securetransport": "false"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"BoolIfExists": {"aws:SecureTransport": "true"}}, {}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3__max_keys": "10"}, True),
        ({"NumericLessThan": {"s3:max-keys": 10}}, {"s3__max_keys": "10"}, False),
        ({"NumericNotEquals": {"s3:max-keys": "10"}}, {"s3__max_keys": "10.0"}, False),
        (
            {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
            {"aws__currenttime": "2026-06-01T00:00:00Z"},
            True,
        ),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws__sourceip": "10.1.2.3"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws__sourceip": "10.1.2.3"}, False),
        (
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/bx-*"}},
            {"aws__principalarn": "arn:aws:iam::123456789012:role/bx-1"},
            True,
        ),
        # A wildcard of an ARN's part does not reach into the next.
        (
            {"ArnEquals": {"aws:PrincipalArn": "arn:aws:*:role/bx-1"}},
            {"aws__principalarn": "arn:aws:iam::123456789012:role/bx-1"},
            False,
        ),
        (
            {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
            {"aws__principalarn": "arn:aws:iam::123456789012:user/ann"},
            True,
        ),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {"aws__tagkeys": ("b", "a")}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {"aws__tagkeys": ("b",)}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {"aws__tagkeys": ("b", "a")}, False),
        (
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
            {"aws__tagkeys": ("b", "a")},
            True,
        ),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws__tagkeys": ("b", "a")}, True),
        ({"ForAllValues:StringNotLike": {"aws:TagKeys": "a*"}}, {"aws__tagkeys": ("b",)}, True),
        (
            {"StringEquals": {"s3:prefix": "a"}, "Bool": {"aws:SecureTransport": "true"}},
            {"s3__prefix": "a"},
            False,
        ),
        ({"StringEquals": {"s3:prefix": "a", "s3:delimiter": "/"}}, {"s3__prefix": "a"}, False),
    ],
)
def test_conditions(condition: Any, keys: dict[str, Any], *, is_met: bool) -> None:
    statement = allow("s3:GetObject", Condition=condition)
    assert decide(statement, **keys) is (ALLOWED if is_met else IMPLICIT)


@pytest.mark.parametrize(
    ("resource", "keys", "expected"),
    [
        ("arn:aws:s3:::data/runs/${aws:username}/*", {"aws__username": "Ann"}, ALLOWED),
        ("arn:aws:s3:::data/runs/${AWS:UserName}/*", {"aws__username": "Ann"}, ALLOWED),
        ("arn:aws:s3:::data/runs/${aws:username}/*", {"aws__username": "Bo"}, IMPLICIT),
        ("arn:aws:s3:::data/runs/${aws:username}/*", {"aws__username": "*"}, IMPLICIT),
        ("arn:aws:s3:::data/runs/${aws:username}/*", {}, IMPLICIT),
        ("arn:aws:s3:::data/runs/${aws:username, 'Ann'}/*", {}, ALLOWED),
        ("arn:aws:s3:::data/runs/${*}/*", {}, IMPLICIT),
    ],
)
def test_variables(resource: str, keys: dict[str, str], expected: Decision) -> None:
    assert decide(allow("*", resource), **keys) is expected


def test_variables_are_plain_text_in_old_policies() -> None:
    resource = "arn:aws:s3:::data/runs/${aws:username}/x.txt"
    document = json.dumps({"Statement": allow("*", resource)})
    assert evaluate([document], "s3:GetObject", OBJECT, {"aws:username": ("Ann",)}) is IMPLICIT
    assert evaluate([document], "s3:GetObject", resource) is ALLOWED


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (allow("*", Condition={"StringSounds": {"s3:prefix": "a"}}), "operator StringSounds"),
        (allow("*", Condition={"StringEquals": {"aws:Mood": "a"}}), "condition key aws:Mood"),
        (allow("*", "arn:aws:s3:::${aws:mood}"), "condition key aws:mood"),
        (allow("*", "arn:aws:s3:::${aws:username"), "has no end"),
        (allow("*", "arn:aws:s3:::${}"), "malformed"),
        (allow("*", Mood="good"), "unknown element Mood"),
        ({"Effect": "Maybe", "Action": "*", "Resource": "*"}, "Effect is Maybe"),
        ({"Effect": "Allow", "Resource": "*"}, "neither Action nor NotAction"),
        (allow("*", NotPrincipal="*"), "NotPrincipal"),
        (allow("*", Condition={"Bool": {"aws:SecureTransport": "yes"}}), "neither true nor"),
        (allow("*", Condition={"NumericEquals": {"s3:max-keys": "ten"}}), "no number"),
        (allow("*", Condition={"DateEquals": {"aws:CurrentTime": "soon"}}), "no date"),
        (allow("*", Condition={"IpAddress": {"aws:SourceIp": "here"}}), "no range"),
    ],
)
def test_what_is_not_understood_is_never_passed_over(statement: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=words.replace("$", r"\$")):
        decide(statement)


@pytest.mark.parametrize("document", ["{", '{"Version": "2020-01-01", "Statement": []}'])
def test_what_is_no_policy_is_refused(document: str) -> None:
    with pytest.raises(PolicyError):
        evaluate([document], "s3:GetObject", OBJECT)


def test_a_statement_without_resources_allows_nothing() -> None:
    assert decide({"Effect": "Allow", "Action": "*"}) is IMPLICIT


TEXTS = st.text(alphabet="ab/:.[]-*?", max_size=12)
PLAIN = st.text(alphabet="ab/:.[]-", max_size=12)


def quote(text: str) -> str:
    """fnmatch knows [ ] besides."""
    return text.replace("[", "[[]")


@given(pattern=TEXTS, value=PLAIN)
def test_wildcards_are_those_of_the_shell(pattern: str, value: str) -> None:
    expected = fnmatch.fnmatchcase(value, quote(pattern))
    assert Glob(pattern).matches(value, {}) is expected


@given(value=TEXTS)
def test_a_text_without_wildcards_matches_itself_alone(value: str) -> None:
    glob = Glob(value, has_wildcards=False)
    assert glob.matches(value, {})
    assert not glob.matches(value + "x", {})


@given(pattern=TEXTS, value=PLAIN)
def test_a_denial_wins_whatever_else_is_allowed(pattern: str, value: str) -> None:
    matches: Callable[[str, Any], bool] = Glob(pattern).matches
    resource = f"arn:aws:s3:::b/{value}"
    statements = (allow("*"), deny("s3:*", f"arn:aws:s3:::b/{pattern}"))
    expected = EXPLICIT if matches(value, {}) else ALLOWED
    assert decide(*statements, resource=resource) is expected
