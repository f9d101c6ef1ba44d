"""Who has a policy, in the embedded IAM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from snakemake_executor_plugin_batchx.infra.attachments import Holder, PolicyAttachments
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)

NOBODY = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture
def iam(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in make_environment(aws).items():
        monkeypatch.setenv(name, value)
    return boto3.client("iam")


def test_a_policy_is_taken_from_all_who_have_it(iam: Any) -> None:
    document = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = iam.create_policy(
        PolicyName="head",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [document]}),
    )["Policy"]["Arn"]
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="lab")
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument=NOBODY)
    iam.attach_user_policy(UserName="ada", PolicyArn=policy)
    iam.attach_group_policy(GroupName="lab", PolicyArn=policy)
    iam.attach_role_policy(RoleName="runner", PolicyArn=policy)
    attachments = PolicyAttachments(iam)
    holders = attachments.list_holders(policy)
    assert {*holders} == {Holder("User", "ada"), Holder("Group", "lab"), Holder("Role", "runner")}
    for holder in holders * 2:
        attachments.detach(policy, holder)
    assert attachments.list_holders(policy) == []
    iam.delete_policy(PolicyArn=policy)
    assert attachments.list_holders(policy) == []


class PagedIam:
    def list_entities_for_policy(self, **request: Any) -> dict[str, Any]:
        if "Marker" not in request:
            return {"PolicyUsers": [{"UserName": "a"}], "IsTruncated": True, "Marker": "m"}
        return {"PolicyUsers": [{"UserName": "b"}], "IsTruncated": False}

    def __getattr__(self, name: str) -> Any:
        return None


def test_holders_are_listed_over_pages() -> None:
    found = PolicyAttachments(PagedIam()).list_holders("arn")  # type: ignore[arg-type]
    assert [each.name for each in found] == ["a", "b"]
