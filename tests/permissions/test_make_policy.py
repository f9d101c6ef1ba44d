"""Policies, made of the table."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from scopes import make_scope

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.permissions.policy import (
    MAX_MANAGED_CHARACTERS,
    count_characters,
    make_policy,
)
from snakemake_executor_plugin_batchx.permissions.row import HOLDERS
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.storage.layout import make_s3_root

PLAIN = Scope("aws", "eu-west-1", "123456789012", queues=("q",), area=S3Place("b", ".batchx"))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def find_resources(policy: dict[str, Any], action: str, effect: str = "Allow") -> set[str]:
    return {
        resource
        for statement in policy["Statement"]
        if statement["Effect"] == effect and action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def find_conditions(policy: dict[str, Any], action: str) -> dict[str, Any]:
    return {
        resource: statement.get("Condition")
        for statement in policy["Statement"]
        if action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_policy_is_what_iam_takes(holder: str) -> None:
    policy = make_policy(holder, make_scope())
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert policy["Version"] == "2012-10-17"
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    assert count_characters(policy) <= MAX_MANAGED_CHARACTERS
    assert json.dumps(policy) == json.dumps(make_policy(holder, make_scope()))


def test_the_order_of_names_does_not_matter_within_a_statement() -> None:
    turned = make_scope(queues=("on-demand", "spot"))
    assert make_policy("head", turned) == make_policy("head", make_scope())


def test_another_holder_is_refused() -> None:
    with pytest.raises(BatchxError, match="no policy for 'tail': name one of head, job"):
        make_policy("tail", PLAIN)


def test_the_head_submits_to_its_queues_and_with_definitions_of_batchx_only() -> None:
    batch = "arn:aws:batch:eu-west-1:123456789012:"
    policy = make_policy("head", PLAIN)
    assert find_resources(policy, "batch:SubmitJob") == {
        f"{batch}job-queue/q",
        f"{batch}job-definition/bx-*",
        f"{batch}job/*",
    }
    assert find_resources(policy, "batch:TerminateJob") == {f"{batch}job/*"}
    assert find_resources(policy, "batch:RegisterJobDefinition") == {f"{batch}job-definition/bx-*"}
    tagged = {f"{batch}job-definition/bx-*", f"{batch}job/*"}
    assert find_resources(policy, "batch:TagResource") == tagged


def test_roles_are_passed_to_ecs_only() -> None:
    scope = make_scope()
    to_ecs = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    passed = dict.fromkeys((*scope.job_roles, *scope.execution_roles), to_ecs)
    assert find_conditions(make_policy("head", scope), "iam:PassRole") == passed
    assert find_resources(make_policy("head", PLAIN), "iam:PassRole") == set()


def test_listings_of_other_prefixes_are_refused_but_not_those_of_no_prefix() -> None:
    scope = make_scope()
    job = find_conditions(make_policy("job", scope), "s3:ListBucket")
    assert job == {
        "arn:aws:s3:::genomes": {"StringLikeIfExists": {"s3:prefix": ["grch38", "grch38/*"]}},
        "arn:aws:s3:::atlas": None,
        "arn:aws:s3:::lab": {"StringLikeIfExists": {"s3:prefix": ["flu/results", "flu/results/*"]}},
    }
    assert find_conditions(make_policy("head", PLAIN), "s3:ListBucket") == {
        "arn:aws:s3:::b": {"StringLikeIfExists": {"s3:prefix": [".batchx/*"]}}
    }


def test_the_head_lists_the_folder_of_an_object_as_the_s3_plugin_does() -> None:
    scope = make_scope(reads=(S3Place("genomes", "human/grch38.fa"),), writes=())
    listed = ["human", "human/grch38.fa", "human/grch38.fa/*"]
    condition = {"StringLikeIfExists": {"s3:prefix": listed}}
    head = find_conditions(make_policy("head", scope), "s3:ListBucket")
    assert head["arn:aws:s3:::genomes"] == condition


def test_jobs_never_list_the_s3_root_nor_delete_there() -> None:
    policy = make_policy("job", PLAIN)
    assert find_resources(policy, "s3:ListBucket") == set()
    assert find_resources(policy, "s3:DeleteObject") == set()
    assert find_resources(policy, "s3:DeleteBucket", "Deny") == {"arn:aws:s3:::*"}


def test_jobs_write_where_they_write_and_leave_alone_what_all_jobs_start_with() -> None:
    root = make_s3_root("s3://b/lab")
    policy = make_policy("job", Scope("aws", "r", "1", area=S3Place(root.bucket, root.prefix)))
    written = find_resources(policy, "s3:PutObject")

    def may_write(key: str) -> bool:
        return any(fnmatchcase(f"arn:aws:s3:::b/{key}", pattern) for pattern in written)

    assert may_write(f"{root.get_submission_prefix('run', '1')}/result")
    assert may_write(root.get_data_key("ab" * 32))
    assert may_write(root.get_environment_key("env"))
    assert may_write(root.get_environment_archive_key("env", "ab"))
    assert may_write(f"{root.get_runtime_prefix('r')}/note.json")
    assert not may_write(root.get_sources_key("ab"))
    assert not may_write(root.get_packages_key("ab"))
    read = find_resources(policy, "s3:GetObject")
    assert read == {"arn:aws:s3:::b/lab/.batchx/*"}


def test_what_is_optional_can_be_left_out() -> None:
    whole = make_policy("head", make_scope())
    least = make_policy("head", make_scope(has_options=False))
    for action in ("batch:GetJobQueueSnapshot", "iam:GetRole", "ec2:DescribeInstanceTypes"):
        assert find_resources(whole, action)
        assert not find_resources(least, action)
    assert find_resources(least, "batch:SubmitJob")


@pytest.mark.parametrize(
    "action", ["s3:CreateBucket", "s3:RestoreObject", "s3:DeleteBucket", "sts:GetCallerIdentity"]
)
def test_what_is_withheld_is_not_allowed(action: str) -> None:
    assert find_resources(make_policy("head", make_scope()), action) == set()


def test_repositories_are_made_only_below_a_prefix() -> None:
    ours = "arn:aws:ecr:eu-west-1:123456789012:repository/"
    policy = make_policy("head", PLAIN)
    assert find_resources(policy, "ecr:CreateRepository") == {f"{ours}batchx/*"}
    one = make_policy("head", make_scope(own_repository="lab/all", repositories=()))
    assert find_resources(one, "ecr:CreateRepository") == set()
    assert find_resources(one, "ecr:PutImage") == {f"{ours}lab/all"}
    none = make_policy("head", make_scope(own_repository=""))
    assert find_resources(none, "ecr:PutImage") == set()


def test_the_execution_role_reads_the_secrets_that_are_named() -> None:
    there = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
    policy = make_policy("execution", make_scope())
    assert find_resources(policy, "secretsmanager:GetSecretValue") == {
        f"{there}token",
        f"{there}token-??????",
        f"{there}quay-AbCdEf",
    }
    assert find_resources(policy, "ssm:GetParameters") == {
        "arn:aws:ssm:eu-west-1:123456789012:parameter/lab/licence"
    }
    assert not find_resources(make_policy("execution", PLAIN), "kms:Decrypt")


def test_keys_are_for_what_they_encrypt_and_by_way_of_its_service_only() -> None:
    objects, secrets = (
        f"arn:aws:kms:eu-west-1:123456789012:key/{each}abcd-12ab-34cd-56ef-1234567890ab"
        for each in ("1234", "5678")
    )

    def find_services(holder: str, action: str = "kms:Decrypt") -> dict[str, Any]:
        found = find_conditions(make_policy(holder, make_scope()), action)
        return {key: each["StringLike"]["kms:ViaService"] for key, each in found.items()}

    by_s3 = {objects: ["s3.eu-west-1.*"]}
    assert find_services("job") == by_s3
    assert find_services("job", "kms:GenerateDataKey") == by_s3
    assert find_services("head") == {**by_s3, secrets: ["secretsmanager.eu-west-1.*"]}
    assert find_services("execution") == {
        secrets: ["secretsmanager.eu-west-1.*", "ssm.eu-west-1.*"]
    }


def test_a_key_of_another_region_is_used_by_the_services_there() -> None:
    key = "arn:aws-cn:kms:cn-northwest-1:123456789012:key/mrk-1234"
    scope = make_scope("aws-cn", "cn-north-1", s3_kms_keys=(key,))
    condition = {"StringLike": {"kms:ViaService": ["s3.cn-northwest-1.*"]}}
    assert find_conditions(make_policy("job", scope), "kms:Decrypt") == {key: condition}


def test_instances_have_what_jobs_need_where_jobs_have_no_role() -> None:
    assert find_resources(make_policy("instance", PLAIN), "s3:GetObject")
    assert find_resources(make_policy("instance", PLAIN), "s3:DeleteBucket", "Deny")
    assert not find_resources(make_policy("instance", make_scope()), "s3:GetObject")


STARTING = ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "logs:PutLogEvents")


@pytest.mark.parametrize("action", STARTING)
def test_instances_pull_and_log_only_where_no_execution_role_does(action: str) -> None:
    """Jobs can have the instances' role of the instance metadata, so it is to hold little."""
    assert find_resources(make_policy("execution", make_scope()), action)
    assert not find_resources(make_policy("instance", make_scope()), action)
    assert find_resources(make_policy("instance", make_scope(execution_roles=())), action)


@pytest.mark.parametrize(
    ("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
@pytest.mark.parametrize("holder", HOLDERS)
def test_all_arns_are_of_the_scopes_partition(holder: str, partition: str, region: str) -> None:
    policy = make_policy(holder, make_scope(partition, region))
    resources = {r for s in policy["Statement"] for r in as_list(s["Resource"])} - {"*"}
    assert all(resource.startswith(f"arn:{partition}:") for resource in resources)
    conditions = [s["Condition"] for s in policy["Statement"] if "StringEquals" in str(s)]
    passed = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert conditions == ([passed] if holder == "head" else [])


def test_placeholders_of_cloudformation_come_through() -> None:
    scope = Scope(
        "${AWS::Partition}",
        "${AWS::Region}",
        "${AWS::AccountId}",
        queues=("${Queue}",),
        area=S3Place("${Bucket}", "*/.batchx"),
        job_roles=("${JobRole.Arn}",),
    )
    policy = make_policy("head", scope)
    place = "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:"
    assert f"{place}job-queue/${{Queue}}" in find_resources(policy, "batch:SubmitJob")
    assert find_resources(policy, "iam:PassRole") == {"${JobRole.Arn}"}
    assert find_resources(policy, "s3:DeleteObject") == {
        "arn:${AWS::Partition}:s3:::${Bucket}/*/.batchx/*"
    }
