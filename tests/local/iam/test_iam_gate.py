"""What users and sessions may do over HTTP, and what they are told, as boto3 shows it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from batch_world import make_container, make_definition
from botocore.exceptions import ClientError
from iam_kit import (
    Person,
    allow,
    deny,
    make_task_role,
    open_client,
    write_policy,
)
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

BATCH = "arn:aws:batch:us-east-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/"
NO_POLICY = "because no identity-based policy allows the {action} action"
EXPLICIT = "with an explicit deny in an identity-based policy"


@pytest.fixture
def ann(strict_aws: EmbeddedAws) -> Person:
    """A user who may do nothing yet."""
    return Person(strict_aws, f"ann-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def bucket(s3_client: Any) -> Iterator[str]:
    name = f"gate-{uuid.uuid4().hex[:8]}"
    s3_client.create_bucket(Bucket=name)
    for key in ("runs/1", "runs/2", "other/1"):
        s3_client.put_object(Bucket=name, Key=key, Body=b"x")
    yield name
    for each in s3_client.list_objects_v2(Bucket=name).get("Contents", []):
        s3_client.delete_object(Bucket=name, Key=each["Key"])
    s3_client.delete_bucket(Bucket=name)


def refuse(call: Callable[[], Any]) -> dict[str, Any]:
    """The code, message and status with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return {"code": error["Code"], "message": error.get("Message", ""), "status": status}


def deny_words(person: Person, action: str, resource: str, why: str = NO_POLICY) -> str:
    """AWS's sentence."""
    return (
        f"User: {person.arn} is not authorized to perform: {action} on resource: {resource} "
        + why.format(action=action)
    )


def make_request(**members: Any) -> dict[str, Any]:
    """A SubmitJob."""
    return {"jobName": "job", "jobQueue": "batchx-local", "jobDefinition": "gate", **members}


def test_batch_asks_for_definition_queue_and_tags(ann: Person, batch_client: Any) -> None:
    batch_client.register_job_definition(**make_definition("gate"))
    mine = ann.client("batch")
    submit = lambda **members: mine.submit_job(**make_request(**members))  # noqa: E731
    assert refuse(submit) == {
        "code": "AccessDeniedException",
        "message": deny_words(ann, "batch:SubmitJob", BATCH + "job-definition/gate"),
        "status": 403,
    }
    definition, job = allow("batch:SubmitJob", BATCH + "job-definition/gate*"), BATCH + "job/*"
    ann.may(definition, allow("batch:SubmitJob", job))
    assert (
        "batch:SubmitJob on resource: " + BATCH + "job-queue/batchx-local because"
        in (refuse(submit)["message"])
    )
    queue = allow("batch:SubmitJob", BATCH + "job-queue/batchx-local")
    ann.may(definition, queue, allow("batch:SubmitJob", job))
    job_id = submit()["jobId"]
    assert (
        "batch:TagResource on resource: " + BATCH + "job-definition/gate"
        in (refuse(lambda: submit(tags={"a": "b"}))["message"])
    )
    assert (
        "batch:TerminateJob on resource: " + BATCH + f"job/{job_id} because"
        in (refuse(lambda: mine.terminate_job(jobId=job_id, reason="x"))["message"])
    )
    assert (
        BATCH + "/v1/describejobs because"
        in (refuse(lambda: mine.describe_jobs(jobs=[job_id]))["message"])
    )
    ann.may(allow("batch:*"), deny("batch:TerminateJob"))
    assert mine.describe_jobs(jobs=[job_id])["jobs"]
    words = deny_words(ann, "batch:TerminateJob", BATCH + f"job/{job_id}", EXPLICIT)
    assert refuse(lambda: mine.terminate_jobs(jobs=[job_id], reason="x"))["message"] == words


def test_a_role_is_passed_only_to_whom_it_may(ann: Person) -> None:
    mine = ann.client("batch")
    container = make_container(jobRoleArn=ROLE + "batchx-local-job")
    register = lambda: mine.register_job_definition(**make_definition("passed", container))  # noqa: E731
    registering = allow("batch:RegisterJobDefinition")
    ann.may(registering)
    assert refuse(register)["message"] == deny_words(ann, "iam:PassRole", ROLE + "batchx-local-job")
    for service, is_allowed in (("ec2.amazonaws.com", False), ("ecs-tasks.amazonaws.com", True)):
        condition = {"StringEquals": {"iam:PassedToService": service}}
        ann.may(registering, allow("iam:PassRole", ROLE + "batchx-*", Condition=condition))
        if is_allowed:
            assert register()["revision"]
        else:
            assert "iam:PassRole" in refuse(register)["message"]


def test_s3_asks_for_bucket_and_key(ann: Person, bucket: str) -> None:
    mine = ann.client("s3")
    get = lambda key: mine.get_object(Bucket=bucket, Key=key)  # noqa: E731
    assert refuse(lambda: get("runs/1")) == {
        "code": "AccessDenied",
        "message": deny_words(ann, "s3:GetObject", f'"arn:aws:s3:::{bucket}/runs/1"'),
        "status": 403,
    }
    assert refuse(lambda: mine.head_object(Bucket=bucket, Key="runs/1")) == {
        "code": "403",
        "message": "Forbidden",
        "status": 403,
    }
    ann.may(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/runs/*"))
    assert get("runs/1")["Body"].read() == b"x"
    assert mine.head_object(Bucket=bucket, Key="runs/1")["ContentLength"] == 1
    assert refuse(lambda: get("other/1"))["code"] == "AccessDenied"
    url = mine.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "runs/1"})
    assert urllib.request.urlopen(url).read() == b"x"
    refused = mine.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "other/1"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(refused)


def test_a_missing_key_is_told_only_to_those_who_may_list(ann: Person, bucket: str) -> None:
    mine = ann.client("s3")
    reading = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    ann.may(reading)
    get = lambda: mine.get_object(Bucket=bucket, Key="runs/none")  # noqa: E731
    head = lambda: mine.head_object(Bucket=bucket, Key="runs/none")  # noqa: E731
    words = deny_words(ann, "s3:ListBucket", f'"arn:aws:s3:::{bucket}"')
    assert refuse(get) == {"code": "AccessDenied", "message": words, "status": 403}
    assert refuse(head)["status"] == 403
    ann.may(reading, allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    assert refuse(get)["code"] == "NoSuchKey"
    assert refuse(head)["status"] == 404
    assert refuse(lambda: mine.get_object(Bucket="none-such", Key="x"))["code"] == "NoSuchBucket"


def test_listings_are_confined_to_prefixes(ann: Person, bucket: str) -> None:
    mine = ann.client("s3")
    condition = {"StringLike": {"s3:prefix": "runs/*"}}
    ann.may(allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=condition))
    found = mine.list_objects_v2(Bucket=bucket, Prefix="runs/")
    assert [each["Key"] for each in found["Contents"]] == ["runs/1", "runs/2"]
    for prefix in ({}, {"Prefix": "other/"}):
        assert refuse(lambda p=prefix: mine.list_objects_v2(Bucket=bucket, **p))["status"] == 403


def test_each_key_of_a_bulk_delete_is_asked_for(ann: Person, bucket: str, s3_client: Any) -> None:
    mine = ann.client("s3")
    wish = {"Objects": [{"Key": "runs/1"}, {"Key": "other/1"}]}
    ann.may(allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/runs/*"))
    answer = mine.delete_objects(Bucket=bucket, Delete=wish)
    assert [each["Key"] for each in answer["Deleted"]] == ["runs/1"]
    (error,) = answer["Errors"]
    words = deny_words(ann, "s3:DeleteObject", f'"arn:aws:s3:::{bucket}/other/1"')
    assert error == {"Key": "other/1", "Code": "AccessDenied", "Message": words}
    ann.may(deny("s3:DeleteObject"))
    answer = mine.delete_objects(Bucket=bucket, Delete=wish)
    assert len(answer["Errors"]) == 2
    assert "Deleted" not in answer
    left = s3_client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in left] == ["other/1", "runs/2"]


def test_a_copy_reads_its_source(ann: Person, bucket: str) -> None:
    mine = ann.client("s3")
    ann.may(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/runs/*"))
    source = {"Bucket": bucket, "Key": "other/1"}
    copy = lambda: mine.copy_object(Bucket=bucket, Key="runs/3", CopySource=source)  # noqa: E731
    assert "s3:GetObject on resource" in refuse(copy)["message"]
    ann.may(
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/runs/*"),
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/other/*"),
    )
    assert copy()["CopyObjectResult"]


def test_uploads_in_parts(ann: Person, bucket: str) -> None:
    mine = ann.client("s3")
    ann.may(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/runs/*"))
    place = {"Bucket": bucket, "Key": "runs/parts"}
    upload = mine.create_multipart_upload(**place)["UploadId"]
    part = mine.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    assert mine.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)["ETag"]
    upload = mine.create_multipart_upload(**place)["UploadId"]
    abort = lambda: mine.abort_multipart_upload(**place, UploadId=upload)  # noqa: E731
    assert "s3:AbortMultipartUpload" in refuse(abort)["message"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        (
            "logs",
            "get_log_events",
            {"logGroupName": "/aws/batch/job", "logStreamName": "a"},
            ("AccessDeniedException", 400),
        ),
        ("logs", "describe_log_groups", {}, ("AccessDeniedException", 400)),
        ("ecr", "get_authorization_token", {}, ("AccessDeniedException", 400)),
        ("ecr", "describe_images", {"repositoryName": "aa"}, ("AccessDeniedException", 400)),
        ("secretsmanager", "get_secret_value", {"SecretId": "a"}, ("AccessDeniedException", 400)),
        ("ssm", "get_parameter", {"Name": "a"}, ("AccessDeniedException", 400)),
        (
            "service-quotas",
            "get_service_quota",
            {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"},
            ("AccessDeniedException", 400),
        ),
        ("iam", "get_role", {"RoleName": "batchx-local-job"}, ("AccessDenied", 403)),
        ("ec2", "describe_instance_types", {}, ("UnauthorizedOperation", 403)),
        ("cloudformation", "list_stacks", {}, ("AccessDenied", 403)),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE + "batchx-local-job", "RoleSessionName": "me"},
            ("AccessDenied", 403),
        ),
    ],
)
def test_each_service_refuses_in_its_own_way(
    ann: Person, service: str, operation: str, parameters: Any, expected: tuple[str, int]
) -> None:
    call = getattr(ann.client(service), operation)
    refusal = refuse(lambda: call(**parameters))
    assert (refusal["code"], refusal["status"]) == expected
    assert f"User: {ann.arn} is not authorized to perform: " in refusal["message"]
    assert "because no identity-based policy allows the " in refusal["message"]


def test_a_service_that_is_not_known_is_the_accounts_own(ann: Person) -> None:
    ann.may(allow("*"))
    refusal = refuse(lambda: ann.client("sqs").list_queues())
    assert refusal["message"] == (
        "The embedded AWS does not know which permission ListQueues of sqs needs, and lets only "
        "the account's own key do it."
    )
    assert make_client(ann.aws, "sqs").list_queues()


def test_a_policy_that_cannot_be_evaluated_says_so(ann: Person) -> None:
    ann.may(allow("*", Condition={"StringEquals": {"aws:Mood": "good"}}))
    words = refuse(lambda: ann.client("ecr").get_authorization_token())["message"]
    assert words.endswith("The embedded AWS does not know the condition key aws:Mood.")


def test_everybody_may_ask_who_he_is(ann: Person) -> None:
    ann.may(deny("*"))
    assert ann.client("sts").get_caller_identity()["Arn"] == ann.arn


UNKNOWN = {
    "batch": ("describe_job_queues", "UnrecognizedClientException", 403),
    "s3": ("list_buckets", "InvalidAccessKeyId", 403),
    "logs": ("describe_log_groups", "UnrecognizedClientException", 400),
    "iam": ("list_roles", "InvalidClientTokenId", 403),
    "sts": ("get_caller_identity", "InvalidClientTokenId", 403),
    "ec2": ("describe_vpcs", "AuthFailure", 401),
}


@pytest.mark.parametrize("service", UNKNOWN)
def test_an_unknown_key_is_nobodys(strict_aws: EmbeddedAws, service: str) -> None:
    operation, code, status = UNKNOWN[service]
    client = open_client(strict_aws, service, "AKIAUNKNOWN000000000", "secret")
    refusal = refuse(getattr(client, operation))
    assert (refusal["code"], refusal["status"]) == (code, status)


def test_a_key_that_is_not_active_or_has_a_foreign_token_is_nobodys(ann: Person) -> None:
    key, secret = ann.key["AccessKeyId"], ann.key["SecretAccessKey"]
    with_token = open_client(ann.aws, "sts", key, secret, "token")
    assert refuse(with_token.get_caller_identity)["code"] == "InvalidClientTokenId"
    make_client(ann.aws, "iam").update_access_key(
        UserName=ann.name, AccessKeyId=key, Status="Inactive"
    )
    assert refuse(ann.client("sts").get_caller_identity)["code"] == "InvalidClientTokenId"


def test_an_unsigned_request_is_not_let_in(strict_aws: EmbeddedAws) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{strict_aws.endpoint_url}/{strict_aws.bucket}/x")
    assert caught.value.code == 403
    assert b"<Code>AccessDenied</Code><Message>Access Denied</Message>" in caught.value.read()


def test_policies_of_groups_and_managed_ones_count_and_change_at_once(ann: Person) -> None:
    iam, mine = make_client(ann.aws, "iam"), ann.client("ecr")
    managed = iam.create_policy(
        PolicyName=f"of-{ann.name}", PolicyDocument=write_policy(allow("ecr:GetAuth*"))
    )["Policy"]["Arn"]
    iam.create_group(GroupName=f"group-of-{ann.name}")
    iam.attach_group_policy(GroupName=f"group-of-{ann.name}", PolicyArn=managed)
    assert refuse(mine.get_authorization_token)["status"] == 400
    iam.add_user_to_group(GroupName=f"group-of-{ann.name}", UserName=ann.name)
    assert mine.get_authorization_token()["authorizationData"]
    iam.create_policy_version(
        PolicyArn=managed, PolicyDocument=write_policy(deny("ecr:*")), SetAsDefault=True
    )
    assert EXPLICIT in refuse(mine.get_authorization_token)["message"]


class Role:
    """A role that Ann may become, with her client for its session."""

    def __init__(self, ann: Person, trust: dict[str, Any], *statements: dict[str, Any]):
        self._ann = ann
        self._iam = make_client(ann.aws, "iam")
        self.name = f"role-for-{ann.name}"
        self.arn = ROLE + self.name
        policy = {"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}
        self._iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=write_policy(policy))
        self._iam.put_role_policy(
            RoleName=self.name, PolicyName="own", PolicyDocument=write_policy(*statements)
        )

    def assume(self, service: str, **members: Any) -> Any:
        given = self._ann.client("sts").assume_role(
            RoleArn=self.arn, RoleSessionName="me", **members
        )["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return open_client(self._ann.aws, service, *keys)


def test_a_role_is_assumed_by_whom_it_trusts(ann: Person) -> None:
    role = Role(ann, {"AWS": "arn:aws:iam::123456789012:root"}, allow("ecr:*"))
    assert (
        "sts:AssumeRole on resource: " + role.arn in refuse(lambda: role.assume("ecr"))["message"]
    )
    ann.may(allow("sts:AssumeRole", role.arn))
    client = role.assume("ecr")
    assert client.get_authorization_token()["authorizationData"]
    session = f"arn:aws:sts::123456789012:assumed-role/{role.name}/me"
    refusal = refuse(role.assume("batch").describe_job_queues)
    assert refusal["message"].startswith(f"User: {session} is not authorized to perform: batch:")
    assert role.assume("sts").get_caller_identity()["Arn"] == session


def test_a_role_that_trusts_others_is_not_assumed(ann: Person) -> None:
    ann.may(allow("sts:AssumeRole"))
    role = Role(ann, {"Service": "ecs-tasks.amazonaws.com"}, allow("ecr:*"))
    assert (
        "because no resource-based policy allows the sts:AssumeRole action"
        in (refuse(lambda: role.assume("ecr"))["message"])
    )


def test_a_session_policy_confines_the_session(ann: Person) -> None:
    ann.may(allow("sts:AssumeRole"))
    role = Role(ann, {"AWS": "*"}, allow("ecr:*"))
    client = role.assume("ecr", Policy=write_policy(allow("ecr:Describe*")))
    assert client.describe_repositories()["repositories"] is not None
    assert (
        "because no session policy allows the ecr:GetAuthorizationToken action"
        in (refuse(client.get_authorization_token)["message"])
    )


def test_a_permissions_boundary_confines_the_role(ann: Person) -> None:
    iam = make_client(ann.aws, "iam")
    ann.may(allow("sts:AssumeRole"))
    role = Role(ann, {"AWS": "*"}, allow("ecr:*"))
    bound = iam.create_policy(
        PolicyName=f"bound-{ann.name}", PolicyDocument=write_policy(allow("ecr:Describe*"))
    )["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=bound)
    client = role.assume("ecr")
    assert (
        "because no permissions boundary allows"
        in (refuse(client.get_authorization_token)["message"])
    )


def test_what_was_allowed_and_denied_is_recorded(ann: Person) -> None:
    ann.may(allow("ecr:GetAuthorizationToken"))
    ecr = ann.client("ecr")
    ecr.get_authorization_token()
    ecr.get_authorization_token()
    refuse(ecr.describe_repositories)
    with urllib.request.urlopen(f"{ann.aws.endpoint_url}/_batchx/permissions") as answer:
        record = json.load(answer)[f"user/{ann.name}"]
    assert record == {
        "allowed": {"ecr:GetAuthorizationToken": 2},
        "denied": {"ecr:DescribeRepositories": 1},
    }


def test_the_account_itself_may_do_everything(strict_aws: EmbeddedAws) -> None:
    role = make_task_role(strict_aws, f"mine-{uuid.uuid4().hex[:8]}")
    assert role.startswith(ROLE)
    assert make_client(strict_aws, "s3").list_buckets()["Buckets"]
