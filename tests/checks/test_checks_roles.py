"""Which roles let themselves be assumed, and what is said of those that do not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.checks.queues import ProfileUse
from snakemake_executor_plugin_batchx.checks.roles import (
    RoleWish,
    is_trusting,
    judge_account,
    judge_profile,
    judge_role,
)
from snakemake_executor_plugin_batchx.checks.table import EXECUTION_ROLE, HEAD_ROLE, JOB_ROLE
from snakemake_executor_plugin_batchx.plan.principals import ECS_TASKS

ARN = "arn:aws:iam::123456789012:role/lab/reader"
WISH = RoleWish(JOB_ROLE, ARN, "--batchx-job-role")

ALLOW = {"Effect": "Allow", "Principal": {"Service": ECS_TASKS}, "Action": "sts:AssumeRole"}
DENY = ALLOW | {"Effect": "Deny"}
OF_ACCOUNT = {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def allow(**members: Any) -> dict[str, Any]:
    return ALLOW | members


def make_document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


TRUSTING: list[Any] = [
    ALLOW,
    [ALLOW],
    allow(Principal={"Service": [ECS_TASKS]}),
    allow(Principal={"Service": ["ec2.amazonaws.com", ECS_TASKS]}),
    allow(Principal={"Service": f"{ECS_TASKS}.cn"}),
    allow(Principal={"Service": "ecs-tasks.c2s.ic.gov"}),
    allow(Principal={"AWS": "arn:aws:iam::1:root", "Service": ECS_TASKS}),
    allow(Principal="*"),
    allow(Principal={"AWS": "*"}),
    allow(Action=["sts:TagSession", "sts:AssumeRole"]),
    allow(Action="sts:*"),
    allow(Action="*"),
    allow(Action="STS:assumerole"),
    allow(Action="sts:Assume?ole"),
    # The one that AWS recommends against confused deputies.
    allow(Condition=OF_ACCOUNT),
    [allow(Principal={"Service": "ec2.amazonaws.com"}), ALLOW],
    [ALLOW, DENY | {"Condition": OF_ACCOUNT}],
    [ALLOW, DENY | {"Principal": {"Service": "ec2.amazonaws.com"}}],
    [ALLOW, DENY | {"Action": "sts:TagSession"}],
    {"Effect": "Allow", "Principal": {"Service": ECS_TASKS}, "NotAction": "sts:TagSession"},
    {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:*"},
]

NOT_TRUSTING: list[Any] = [
    [],
    allow(Principal={"Service": "ec2.amazonaws.com"}),
    allow(Principal={"Service": "ecs.amazonaws.com"}),
    allow(Principal={"Service": "ecs-tasks2.amazonaws.com"}),
    [ALLOW, DENY | {"Principal": {"Service": "ecs-tasks.sc2s.sgov.gov"}}],
    allow(Principal={"Service": "batch.amazonaws.com"}),
    allow(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
    allow(Principal={"Federated": "cognito-identity.amazonaws.com"}),
    allow(Action="sts:AssumeRoleWithWebIdentity"),
    allow(Action=["sts:TagSession"]),
    DENY,
    [ALLOW, DENY],
    [ALLOW, DENY | {"Principal": "*", "Action": "*"}],
    {"Effect": "Allow", "Principal": {"Service": ECS_TASKS}, "NotAction": "sts:*"},
    {"Effect": "Allow", "NotPrincipal": {"Service": ECS_TASKS}, "Action": "sts:*"},
    [ALLOW, {"Effect": "Deny", "NotPrincipal": {"Service": "x"}, "Action": "sts:*"}],
]


@pytest.mark.parametrize("statement", TRUSTING)
def test_trust(statement: Any) -> None:
    assert is_trusting({"Statement": statement}, ECS_TASKS)


@pytest.mark.parametrize("statement", NOT_TRUSTING)
def test_no_trust(statement: Any) -> None:
    assert not is_trusting({"Statement": statement}, ECS_TASKS)


def test_a_policy_without_statements_trusts_nobody() -> None:
    assert not is_trusting({}, ECS_TASKS)


STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Principal": st.one_of(
            st.just("*"),
            st.fixed_dictionaries(
                {"Service": st.sampled_from([ECS_TASKS, [ECS_TASKS], "ec2.amazonaws.com", []])}
            ),
        ),
        "Action": st.sampled_from(["sts:AssumeRole", ["sts:*"], "*", "sts:TagSession", []]),
    }
)


@given(st.lists(STATEMENTS, max_size=5))
def test_a_deny_takes_away_and_an_allow_gives(statements: list[dict[str, Any]]) -> None:
    document = make_document(*statements)
    is_open = is_trusting(document, ECS_TASKS)
    assert not is_trusting(make_document(*statements, DENY), ECS_TASKS)
    has_deny = any(each["Effect"] == "Deny" for each in statements)
    assert is_trusting(make_document(*statements, ALLOW), ECS_TASKS) >= (is_open or not has_deny)
    assert is_trusting(make_document(*reversed(statements)), ECS_TASKS) == is_open


def test_a_role_that_is_there_and_trusts_is_ok() -> None:
    finding = judge_role(WISH, {"Arn": ARN, "AssumeRolePolicyDocument": make_document(ALLOW)})
    assert (finding.check, finding.status) == (JOB_ROLE, "ok")
    assert WISH.name == "reader"


@pytest.mark.parametrize(
    ("role", "sentence"),
    [
        (
            None,
            f"Job role {ARN} (--batchx-job-role) does not exist: make it, or name another.",
        ),
        (
            {"Arn": "arn:aws:iam::123456789012:role/reader"},
            f"Job role {ARN} (--batchx-job-role) does not exist: the role of that name is "
            "arn:aws:iam::123456789012:role/reader.",
        ),
        (
            {"Arn": ARN, "AssumeRolePolicyDocument": make_document()},
            f"Job role {ARN} (--batchx-job-role) does not trust ecs-tasks.amazonaws.com, so no job "
            "can have it: allow ecs-tasks.amazonaws.com sts:AssumeRole in its trust policy (aws "
            "iam update-assume-role-policy --role-name reader).",
        ),
    ],
)
def test_what_is_wrong_with_a_role(role: Any, sentence: str) -> None:
    finding = judge_role(WISH, role)
    assert (finding.status, finding.sentence) == ("failed", sentence)


def test_a_role_of_another_account_cannot_be_passed() -> None:
    wish = RoleWish(EXECUTION_ROLE, ARN, "batchx_execution_role of Rule a")
    assert judge_account(wish, "123456789012") is None
    assert judge_account(wish, "") is None
    finding = judge_account(wish, "999999999999")
    assert finding is not None
    assert finding.sentence == (
        f"Execution role {ARN} (batchx_execution_role of Rule a) is of account 123456789012, the "
        "queue of 999999999999, and roles cannot be passed to another account: name one of "
        "999999999999, which may assume it."
    )


def test_a_role_is_called_by_what_it_is_for() -> None:
    wish = RoleWish(HEAD_ROLE, ARN, "--batchx-head-role")
    assert judge_role(wish, None).sentence == (
        f"Head role {ARN} (--batchx-head-role) does not exist: make it, or name another."
    )


EC2_ROLE = {
    "RoleName": "hosts",
    "AssumeRolePolicyDocument": make_document(allow(Principal={"Service": "ec2.amazonaws.com"})),
}


def test_hosts_of_other_partitions_have_another_domain() -> None:
    trust = make_document(allow(Principal={"Service": "ec2.c2s.ic.gov"}))
    role = EC2_ROLE | {"AssumeRolePolicyDocument": trust}
    assert judge_profile(ProfileUse("p", ["a"], is_needed=True), {"Roles": [role]}).status == "ok"


@pytest.mark.parametrize(
    ("profile", "status", "text"),
    [
        ({"Roles": [EC2_ROLE]}, "ok", "p exists and its role trusts ec2.amazonaws.com"),
        (
            None,
            "failed",
            "Instance profile p of compute environments a, b does not exist, so no instance can "
            "start",
        ),
        (
            {"Roles": []},
            "failed",
            "Instance profile p of compute environments a, b holds no role, so instances cannot "
            "join the cluster",
        ),
        (
            {"Roles": [EC2_ROLE | {"AssumeRolePolicyDocument": make_document(ALLOW)}]},
            "failed",
            "Role hosts in instance profile p of compute environments a, b does not trust "
            "ec2.amazonaws.com",
        ),
    ],
)
def test_instance_profiles(profile: Any, status: str, text: str) -> None:
    use = ProfileUse("arn:aws:iam::1:instance-profile/lab/p", ["a", "b"], is_needed=True)
    finding = judge_profile(use, profile)
    assert (finding.status, finding.text) == (status, text)
    assert bool(finding.fix) == (status == "failed")
    spare = judge_profile(ProfileUse("p", ["a", "b"]), profile)
    assert (spare.status, spare.text) == ("ok" if status == "ok" else "warning", text)
