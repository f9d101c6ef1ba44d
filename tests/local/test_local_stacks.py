"""The embedded CloudFormation: stacks whose queues are our Batch's, made, changed and deleted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

CAPABLE = {"Capabilities": ["CAPABILITY_IAM"]}


def make_environment(kind: str = "FARGATE", most: Any = 8) -> dict[str, Any]:
    resources = {"Type": kind, "MaxvCpus": most, "Subnets": ["subnet-1"], "SecurityGroupIds": ["s"]}
    properties = {
        "Type": "MANAGED",
        "ReplaceComputeEnvironment": False,
        "ComputeResources": resources,
        "Tags": {"batchx:stack": "x"},
    }
    return {"Type": "AWS::Batch::ComputeEnvironment", "Properties": properties}


def make_queue(*environments: str, priority: int = 1) -> dict[str, Any]:
    order = [{"Order": n, "ComputeEnvironment": {"Ref": e}} for n, e in enumerate(environments, 1)]
    properties = {"Priority": priority, "ComputeEnvironmentOrder": order}
    return {"Type": "AWS::Batch::JobQueue", "Properties": properties}


def make_body(**resources: Any) -> str:
    outputs = {
        name: {"Value": {"Ref": name}}
        for name, each in resources.items()
        if each["Type"].startswith("AWS::Batch::")
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


class Stacks:
    """A stack of a name that nothing else has."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.name = f"s{uuid.uuid4().hex[:8]}"
        self.formation = make_client(aws, "cloudformation")
        self.batch = make_client(aws, "batch")

    def create(self, body: str) -> dict[str, Any]:
        self.formation.create_stack(StackName=self.name, TemplateBody=body, **CAPABLE)
        return self.describe()

    def update(self, body: str) -> dict[str, Any]:
        self.formation.update_stack(StackName=self.name, TemplateBody=body, **CAPABLE)
        return self.describe()

    def describe(self) -> dict[str, Any]:
        (stack,) = self.formation.describe_stacks(StackName=self.name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        return {"status": stack["StackStatus"], "arn": stack["StackId"], **outputs}

    def list_ours(self) -> list[str]:
        queues = self.batch.describe_job_queues()["jobQueues"]
        environments = self.batch.describe_compute_environments()["computeEnvironments"]
        names = [each["jobQueueName"] for each in queues]
        names += [each["computeEnvironmentName"] for each in environments]
        return sorted(name.split("-")[1] for name in names if name.startswith(self.name))

    def find_events(self, arn: str) -> list[tuple[str, str]]:
        events = self.formation.describe_stack_events(StackName=arn)["StackEvents"]
        return [(e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in events]


@pytest.fixture
def stacks(strict_aws: EmbeddedAws) -> Iterator[Stacks]:
    stacks = Stacks(strict_aws)
    yield stacks
    stacks.formation.delete_stack(StackName=stacks.name)


def test_a_stacks_queue_is_batchs_own(stacks: Stacks) -> None:
    stack = stacks.create(make_body(One=make_environment(), Queue=make_queue("One")))
    assert stack["status"] == "CREATE_COMPLETE"
    (queue,) = stacks.batch.describe_job_queues(jobQueues=[stack["Queue"]])["jobQueues"]
    assert queue["computeEnvironmentOrder"] == [{"order": 1, "computeEnvironment": stack["One"]}]
    answer = stacks.batch.describe_compute_environments(computeEnvironments=[stack["One"]])
    (environment,) = answer["computeEnvironments"]
    assert environment["tags"] == {"batchx:stack": "x"}
    assert environment["computeResources"]["maxvCpus"] == 8
    stacks.formation.delete_stack(StackName=stacks.name)
    assert stacks.list_ours() == []


def test_an_update_adds_changes_and_then_removes(stacks: Stacks) -> None:
    before = stacks.create(
        make_body(
            One=make_environment(),
            Two=make_environment("FARGATE_SPOT"),
            Queue=make_queue("One", "Two"),
        )
    )
    after = stacks.update(
        make_body(
            One=make_environment(most=16),
            Three=make_environment(),
            Queue=make_queue("Three", "One"),
        )
    )
    assert after["status"] == "UPDATE_COMPLETE"
    assert after["Queue"] == before["Queue"], "changed in place, though its environments did"
    assert stacks.list_ours() == ["One", "Queue", "Three"]
    answer = stacks.batch.describe_compute_environments(computeEnvironments=[after["One"]])
    assert answer["computeEnvironments"][0]["computeResources"]["maxvCpus"] == 16


def test_an_update_that_changes_nothing_is_refused(stacks: Stacks) -> None:
    body = make_body(One=make_environment(), Queue=make_queue("One"))
    stacks.create(body)
    with pytest.raises(ClientError, match=r"No updates are to be performed."):
        stacks.update(body)


def test_what_batch_refuses_rolls_the_stack_back(stacks: Stacks) -> None:
    body = make_body(One=make_environment(), Two=make_environment("EC2"), Queue=make_queue("One"))
    stack = stacks.create(body)
    assert stack["status"] == "ROLLBACK_COMPLETE"
    assert stacks.list_ours() == []
    events = stacks.find_events(stack["arn"])
    (failed,) = [reason for status, reason in events if status == "CREATE_FAILED"]
    assert "Instance role is required." in failed


def test_a_bucket_with_objects_is_not_deleted(stacks: Stacks) -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "LifecycleConfiguration": {
                "Rules": [
                    {"Id": "r", "Status": "Enabled", "Prefix": ".batchx/", "ExpirationInDays": 3}
                ]
            },
        },
    }
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    deny["Resource"] = [{"Fn::Sub": "${Bucket.Arn}/*"}]  # type: ignore[assignment]
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}  # type: ignore[assignment]
    document = {"Version": "2012-10-17", "Statement": [deny]}
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document},
    }
    resources = {"Bucket": bucket, "Policy": policy}
    outputs = {"Name": {"Value": {"Ref": "Bucket"}}}
    stack = stacks.create(json.dumps({"Resources": resources, "Outputs": outputs}))
    s3, name = make_client(stacks.aws, "s3"), stack["Name"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert [(rule["Prefix"], rule["Expiration"]) for rule in rules] == [(".batchx/", {"Days": 3})]
    blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert blocked["BlockPublicAcls"] is True
    owned = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    kept = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    assert kept["Statement"][0]["Condition"] == deny["Condition"]
    s3.put_object(Bucket=name, Key="a", Body=b"x")  # which counts as by TLS
    stacks.formation.delete_stack(StackName=stack["arn"])
    assert stacks.describe()["status"] == "DELETE_FAILED"
    s3.delete_object(Bucket=name, Key="a")
    stacks.formation.delete_stack(StackName=stack["arn"])
    found = stacks.formation.describe_stacks(StackName=stack["arn"])["Stacks"]
    assert [each["StackStatus"] for each in found] == ["DELETE_COMPLETE"]


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_an_attached_policy_is_not_deleted(stacks: Stacks, kind: str) -> None:
    statement = {"Effect": "Allow", "Action": "batch:ListJobs", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}
    outputs = {"Arn": {"Value": {"Ref": "Policy"}}}
    stack = stacks.create(json.dumps({"Resources": {"Policy": policy}, "Outputs": outputs}))
    iam, holder = make_client(stacks.aws, "iam"), {f"{kind.title()}Name": stacks.name}
    extra = {"AssumeRolePolicyDocument": json.dumps(document)} if kind == "role" else {}
    getattr(iam, f"create_{kind}")(**holder, **extra)
    getattr(iam, f"attach_{kind}_policy")(**holder, PolicyArn=stack["Arn"])
    stacks.formation.delete_stack(StackName=stack["arn"])
    assert stacks.describe()["status"] == "DELETE_FAILED"
    reason = "Cannot delete a policy attached to entities."
    assert ("DELETE_FAILED", reason) in stacks.find_events(stack["arn"])
    assert iam.get_policy(PolicyArn=stack["Arn"])["Policy"]["AttachmentCount"] == 1
    getattr(iam, f"detach_{kind}_policy")(**holder, PolicyArn=stack["Arn"])
    getattr(iam, f"delete_{kind}")(**holder)
    stacks.formation.delete_stack(StackName=stack["arn"])
    found = stacks.formation.describe_stacks(StackName=stack["arn"])["Stacks"]
    assert [each["StackStatus"] for each in found] == ["DELETE_COMPLETE"]


def test_a_policy_without_conditions_still_denies(stacks: Stacks) -> None:
    s3, name = make_client(stacks.aws, "s3"), f"{stacks.name}-denied"
    s3.create_bucket(Bucket=name)
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    statement["Resource"] = f"arn:aws:s3:::{name}/*"
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": statement}))
    with pytest.raises(ClientError):
        s3.put_object(Bucket=name, Key="a", Body=b"x")


LISTED = {
    "Parameters": {"Zones": {"Type": "CommaDelimitedList", "Default": "subnet-1, subnet-2"}},
    "Description": "for a test",
}


@pytest.mark.parametrize("by", ["create_stack", "change set"])
def test_a_list_by_default_is_a_list(stacks: Stacks, by: str) -> None:
    """`aws cloudformation deploy` makes a change set, and leaves parameters at their defaults."""
    one = make_environment()
    one["Properties"]["ComputeResources"]["Subnets"] = {"Ref": "Zones"}
    body = json.dumps({**json.loads(make_body(One=one)), **LISTED})
    if by == "create_stack":
        stacks.create(body)
    else:
        names = {"StackName": stacks.name, "ChangeSetName": "deploy"}
        stacks.formation.create_change_set(
            **names, TemplateBody=body, ChangeSetType="CREATE", **CAPABLE
        )
        stacks.formation.execute_change_set(**names)
    made = stacks.describe()
    assert made["status"] == "CREATE_COMPLETE", stacks.find_events(made["arn"])
    answer = stacks.batch.describe_compute_environments(computeEnvironments=[made["One"]])
    (environment,) = answer["computeEnvironments"]
    assert environment["computeResources"]["subnets"] == ["subnet-1", "subnet-2"]
    (stack,) = stacks.formation.describe_stacks(StackName=stacks.name)["Stacks"]
    assert stack["Description"] == "for a test"


def test_another_region_has_no_stacks(strict_aws: EmbeddedAws) -> None:
    """Their queues would be in the region of the embedded Batch."""
    elsewhere = make_client(replace(strict_aws, region="eu-west-1"), "cloudformation")
    with pytest.raises(ClientError, match="The embedded AWS is in us-east-1, not in eu-west-1"):
        elsewhere.create_stack(StackName="x", TemplateBody=make_body(One=make_environment()))
