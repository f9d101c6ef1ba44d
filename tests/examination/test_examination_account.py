"""What the examiner makes of answers and refusals of AWS."""

from typing import Any, cast

import pytest
from botocore.exceptions import (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.errors import SKEWED_CODE, AwsError, explain_error
from snakemake_executor_plugin_batchx.checks.finding import Finding
from snakemake_executor_plugin_batchx.checks.queues import ProfileUse, QueueFacts
from snakemake_executor_plugin_batchx.checks.quotas import FARGATE_QUOTAS
from snakemake_executor_plugin_batchx.checks.roles import RoleWish
from snakemake_executor_plugin_batchx.checks.table import CREDENTIALS, JOB_ROLE
from snakemake_executor_plugin_batchx.examination.account import Examiner, find_account

ARN = "arn:aws:iam::123456789012:role/lab/reader"


class Account:
    """Answers every question with one thing, or refuses it; `asked` are the names asked for."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []

    def ask(self, *names: str) -> Any:
        self.asked.append(names)
        if isinstance(self.answer, AwsError):
            raise self.answer
        return self.answer

    get_identity = find_role = find_instance_profile = list_log_groups = ask
    find_bucket_region = find_quota = ask


def examine(answer: Any) -> tuple[Examiner, Account]:
    account = Account(answer)
    return Examiner(cast(AccountGateway, account), "eu-west-1"), account


def refuse(code: str) -> AwsError:
    return AwsError(f"AWS answers {code}.", code, is_transient=False)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"Account": "1", "Arn": "arn:me"}, "ok", "account 1 as arn:me"),
        (refuse("ExpiredToken"), "failed", "have expired"),
        (refuse("AccessDenied"), "warning", "The identity could not be looked at"),
        (refuse("Throttling"), "warning", "AWS answers Throttling"),
    ],
)
def test_identity(answer: Any, status: str, words: str) -> None:
    (finding,) = examine(answer)[0].examine_identity()
    assert (finding.check, finding.status) == (CREDENTIALS, status)
    assert words in finding.text


@pytest.mark.parametrize(
    "error",
    [
        UnauthorizedSSOTokenError(),
        SSOTokenLoadError(error_msg="Token for lab does not exist"),
        TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
    ],
)
def test_an_sso_session_that_has_expired_is_in_the_way(error: Exception) -> None:
    (finding,) = examine(explain_error(error, "sts:GetCallerIdentity"))[0].examine_identity()
    assert (finding.check, finding.status) == (CREDENTIALS, "failed")
    assert finding.text.startswith("The SSO session of the AWS profile in use has expired")
    assert finding.fix == "sign in (aws sso login --profile NAME) and start again"


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        CredentialRetrievalError(provider="custom-process", error_msg="no such command"),
    ],
)
def test_credentials_that_cannot_be_had_are_in_the_way(error: Exception) -> None:
    (finding,) = examine(explain_error(error, "sts:GetCallerIdentity"))[0].examine_identity()
    assert (finding.check, finding.status) == (CREDENTIALS, "failed")
    assert finding.fix


def test_of_a_wrong_clock_the_check_of_clocks_tells() -> None:
    assert examine(refuse(SKEWED_CODE))[0].examine_identity() == []


def test_a_role_is_asked_for_by_its_name_alone() -> None:
    examiner, account = examine(None)
    wish = RoleWish(JOB_ROLE, ARN, "x")
    (finding,) = examiner.examine_role(wish, "123456789012")
    assert finding.status == "failed"
    assert account.asked == [("reader",)]


def test_of_a_role_of_another_account_nothing_is_asked() -> None:
    examiner, account = examine(None)
    (finding,) = examiner.examine_role(RoleWish(JOB_ROLE, ARN, "x"), "999999999999")
    assert finding.status == "failed"
    assert account.asked == []


@pytest.mark.parametrize("profile", ["p", "arn:aws:iam::1:instance-profile/lab/p"])
def test_a_profile_is_asked_for_by_its_name(profile: str) -> None:
    examiner, account = examine(None)
    examiner.examine_profile(ProfileUse(profile, ["ce"]))
    assert account.asked == [("p",)]


def list_refused(examiner: Examiner) -> list[Finding]:
    return [
        *examiner.examine_role(RoleWish(JOB_ROLE, ARN, "x"), ""),
        *examiner.examine_profile(ProfileUse("p", ["ce"])),
        *examiner.examine_log_group("/lab", "x"),
        *examiner.examine_bucket("b"),
        *examiner.examine_quota(FARGATE_QUOTAS["FARGATE"], {"ce": 1}),
    ]


def test_what_may_not_be_looked_at_is_a_warning_each() -> None:
    findings = list_refused(examine(refuse("AccessDeniedException"))[0])
    assert {each.status for each in findings} == {"warning"}
    assert [each.lacks for each in findings] == [
        "iam:GetRole",
        "iam:GetInstanceProfile",
        "logs:DescribeLogGroups",
        "s3:ListBucket",
        "servicequotas:GetServiceQuota",
    ]


def test_what_gets_no_answer_is_a_warning_each() -> None:
    findings = list_refused(examine(refuse("EndpointConnectionError"))[0])
    assert {each.status for each in findings} == {"warning"}
    assert all("AWS answers EndpointConnectionError" in each.text for each in findings)


def test_the_account_is_that_of_the_queues_that_are_there() -> None:
    missing = QueueFacts("no", "eu-west-1")
    detail = {"jobQueueArn": "arn:aws:batch:eu-west-1:123456789012:job-queue/q"}
    assert find_account([missing, QueueFacts("q", "eu-west-1", "", detail)]) == "123456789012"
    assert find_account([missing]) == ""
