"""Findings, and the small judgements: clock, identity, log groups, buckets, runtime."""

import pytest

from snakemake_executor_plugin_batchx.checks.clock import judge_clock
from snakemake_executor_plugin_batchx.checks.finding import (
    ALL_CALLS,
    Finding,
    count_findings,
    judge_trouble,
    make_failure,
    make_ok,
    make_warning,
    split_sentence,
)
from snakemake_executor_plugin_batchx.checks.identity import (
    judge_credentials,
    judge_identity,
    judge_unreached,
)
from snakemake_executor_plugin_batchx.checks.log_groups import judge_log_group
from snakemake_executor_plugin_batchx.checks.runtime import judge_runtime
from snakemake_executor_plugin_batchx.checks.s3_root import judge_bucket
from snakemake_executor_plugin_batchx.checks.table import CHECKS, CLOCK, CREDENTIALS, ORDER


def test_a_sentence_is_the_finding_and_its_fix() -> None:
    assert make_failure(CLOCK, "It is late", "go").sentence == "It is late: go."
    assert make_ok(CLOCK, "it is time").sentence == "it is time."


@pytest.mark.parametrize(
    ("sentence", "text", "fix"),
    [
        ("A is wrong: mend it.", "A is wrong", "mend it"),
        ("A is wrong.", "A is wrong", ""),
        ("Image a: 'b' is none: name c.", "Image a: 'b' is none", "name c"),
        ("AWS refuses s3:Put: allow it (says: no).", "AWS refuses s3:Put", "allow it (says: no)"),
        ("No (never: ever): try s3://a.", "No (never: ever)", "try s3://a"),
        ("--a 'b' must be on or off.", "--a 'b' is not valid", "it must be on or off"),
        ("A bucket must be there.", "A bucket must be there", ""),
    ],
)
def test_a_sentence_falls_into_finding_and_fix(sentence: str, text: str, fix: str) -> None:
    assert split_sentence(CLOCK, sentence) == Finding(CLOCK, "failed", text, fix)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "403"])
def test_what_may_not_be_looked_at_is_a_warning_that_names_the_permission(code: str) -> None:
    finding = judge_trouble(
        CLOCK, "Role r", "iam:GetRole", code, "Role me lacks iam:GetRole: add it."
    )
    assert finding == Finding(
        CLOCK,
        "warning",
        "Role r could not be looked at: Role me lacks iam:GetRole",
        "add it, or make sure yourself",
        "iam:GetRole",
    )


def test_other_troubles_are_told_as_they_are() -> None:
    finding = judge_trouble(CLOCK, "Role r", "iam:GetRole", "Throttling", "Rate exceeded.")
    assert (finding.status, finding.lacks) == ("warning", "an answer to iam:GetRole")
    assert finding.text == "Role r could not be looked at: Rate exceeded"


@pytest.mark.parametrize("code", ["EndpointConnectionError", "ReadTimeoutError"])
def test_where_no_answer_comes_a_way_is_lacking(code: str) -> None:
    finding = judge_trouble(CLOCK, "The identity", "sts:Get", code, "No way: to a:b.")
    assert (finding.lacks, finding.is_unreached) == ("a way to sts:Get", True)
    unreached = judge_unreached(finding)
    assert (unreached.check, unreached.status) == (CREDENTIALS, "failed")
    assert unreached.text == "AWS cannot be reached: No way: to a:b"
    assert unreached.fix.startswith("check the network")


def test_a_check_that_was_waited_for_in_vain_found_no_way() -> None:
    assert judge_trouble(CLOCK, "x", ALL_CALLS, "", "too late").is_unreached


def test_who_is_throttled_has_reached_aws() -> None:
    assert not judge_trouble(CLOCK, "x", "sts:Get", "Throttling", "Rate exceeded.").is_unreached


def test_findings_are_counted() -> None:
    findings = [make_ok(CLOCK, ""), make_failure(CLOCK, "", ""), make_warning(CLOCK, "", "")]
    assert count_findings([*findings, findings[0]]) == {"ok": 2, "warning": 1, "failed": 1}
    assert count_findings([]) == {"ok": 0, "warning": 0, "failed": 0}


def test_each_check_has_a_name_of_its_own() -> None:
    assert len(ORDER) == len(CHECKS)


@pytest.mark.parametrize(
    ("skew_seconds", "status", "words"),
    [
        (0, "ok", "agrees with AWS's"),
        (60, "ok", "agrees"),
        (-60, "ok", "agrees"),
        (61, "warning", "is 61 s ahead of AWS's"),
        (-150, "warning", "is 2 min behind AWS's"),
        (300, "warning", "is 5 min ahead of"),
        (301, "failed", "is 5 min ahead of AWS's, and from 5 min on calls are refused"),
        (-7300, "failed", "is 2 h behind"),
        (200000, "failed", "is 2 days ahead of"),
    ],
)
def test_clock(skew_seconds: float, status: str, words: str) -> None:
    finding = judge_clock(skew_seconds)
    assert finding.status == status
    assert words in finding.text


def test_identity() -> None:
    finding = judge_identity({"Account": "1", "Arn": "arn:aws:iam::1:user/me"}, "eu-west-1")
    assert finding.status == "ok"
    assert finding.text == "account 1 as arn:aws:iam::1:user/me, in region eu-west-1"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "have expired"),
        ("InvalidClientTokenId", "are not known"),
        ("SignatureDoesNotMatch", "have a secret key"),
    ],
)
def test_credentials_that_aws_does_not_take(code: str, words: str) -> None:
    finding = judge_credentials(code)
    assert finding is not None
    assert finding.status == "failed"
    assert words in finding.text
    assert finding.fix


def test_another_trouble_says_nothing_of_the_credentials() -> None:
    assert judge_credentials("Throttling") is None


GROUPS = [{"logGroupName": "/lab"}, {"logGroupName": "/lab/a"}]


def test_log_groups() -> None:
    assert judge_log_group("/lab", "x", GROUPS).text == "/lab exists"
    assert judge_log_group("/aws/batch/job", "x", []).status == "ok"
    missing = judge_log_group("/la", "batchx_log_group of Rule a", GROUPS)
    assert missing.status == "failed"
    assert missing.sentence == (
        "Log group /la (batchx_log_group of Rule a) does not exist, so no job could start: make it "
        "(aws logs create-log-group --log-group-name /la), or name another."
    )


@pytest.mark.parametrize(
    ("region", "status"),
    [("eu-west-1", "ok"), ("", "ok"), ("us-east-1", "warning"), (None, "failed")],
)
def test_buckets(region: str | None, status: str) -> None:
    finding = judge_bucket("b", region, "eu-west-1")
    assert (finding.status, bool(finding.fix)) == (status, status != "ok")


def test_runtime() -> None:
    assert judge_runtime("amd64", "amd64", None).text == "this machine builds it for amd64"
    assert judge_runtime("arm64", "amd64", None).text == (
        "a job of the first run builds it for arm64 in the account (this machine builds it for "
        "amd64 only)"
    )
    assert "(no glibc)" in judge_runtime("amd64", None, "no glibc.").text
