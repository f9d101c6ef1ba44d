"""What calls need of KMS keys, and conditional writes of the object that is there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from iam_kit import Person, allow, deny, write_policy
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.iam.authority import Authority
from snakemake_executor_plugin_batchx.local.iam.task_permissions import TaskPermissions
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.local.orders import StartOrder

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"
BY_KEY = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY_ID}


@pytest.fixture
def ann(strict_aws: EmbeddedAws) -> Person:
    """A user who may do all but use keys."""
    person = Person(strict_aws, f"ann-{uuid.uuid4().hex[:8]}")
    person.may(allow(["s3:*", "secretsmanager:*"]))
    return person


@pytest.fixture
def bucket(s3_client: Any) -> Iterator[str]:
    name = f"kms-{uuid.uuid4().hex[:8]}"
    s3_client.create_bucket(Bucket=name)
    s3_client.put_object(Bucket=name, Key="plain", Body=b"x")
    s3_client.put_object(Bucket=name, Key="hidden", Body=b"x", **BY_KEY)
    yield name
    for each in s3_client.list_objects_v2(Bucket=name).get("Contents", []):
        s3_client.delete_object(Bucket=name, Key=each["Key"])
    s3_client.delete_bucket(Bucket=name)


def find_denial(call: Callable[..., Any], **parameters: Any) -> str:
    """The message with which a call is denied, nothing where it is not."""
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"].startswith("AccessDenied")  # noqa: PT017
        return str(error.response["Error"]["Message"])
    return ""


def deny_words(person: Person, action: str) -> str:
    return (
        f"User: {person.arn} is not authorized to perform: {action} on resource: {KEY} because no "
        f"identity-based policy allows the {action} action"
    )


def test_an_object_is_written_with_a_key_and_read_with_it(ann: Person, bucket: str) -> None:
    s3 = ann.client("s3")
    put, get = {"Bucket": bucket, "Key": "new", "Body": b"x"}, {"Bucket": bucket, "Key": "hidden"}
    assert find_denial(s3.put_object, **put, **BY_KEY) == deny_words(ann, "kms:GenerateDataKey")
    assert find_denial(s3.get_object, **get) == deny_words(ann, "kms:Decrypt")
    assert not find_denial(s3.put_object, **put)
    assert not find_denial(s3.put_object, **put, ServerSideEncryption="aws:kms")
    aws_key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/aws/s3"}
    assert not find_denial(s3.put_object, **put, **aws_key)
    assert not find_denial(s3.get_object, Bucket=bucket, Key="plain")
    assert not find_denial(s3.head_object, **get)
    assert not find_denial(s3.get_object_tagging, **get)
    via = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    ann.may(allow("s3:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], KEY, Condition=via))
    assert not find_denial(s3.put_object, **put, **BY_KEY)
    assert s3.get_object(**get)["Body"].read() == b"x"
    ann.may(allow("*"), deny("kms:*", Condition=via))
    assert "kms:GenerateDataKey" in find_denial(s3.put_object, **put, **BY_KEY)


def test_copies_read_with_one_key_and_write_with_the_other(ann: Person, bucket: str) -> None:
    s3 = ann.client("s3")
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "hidden"}}
    assert "kms:Decrypt" in find_denial(s3.copy_object, **copy)
    copy["CopySource"] = {"Bucket": bucket, "Key": "plain"}
    assert "kms:GenerateDataKey" in find_denial(s3.copy_object, **copy, **BY_KEY)
    assert not find_denial(s3.copy_object, **copy)


def test_uploads_in_parts_decrypt_what_they_have(ann: Person, bucket: str) -> None:
    s3, place = ann.client("s3"), {"Bucket": bucket, "Key": "parts"}
    assert "kms:GenerateDataKey" in find_denial(s3.create_multipart_upload, **place, **BY_KEY)
    ann.may(allow("s3:*"), allow("kms:GenerateDataKey", KEY))
    upload = {**place, "UploadId": s3.create_multipart_upload(**place, **BY_KEY)["UploadId"]}
    assert "kms:Decrypt" in find_denial(s3.upload_part, **upload, PartNumber=1, Body=b"x")
    ann.may(allow("s3:*"), allow("kms:*", KEY))
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"MultipartUpload": {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}}
    ann.may(allow("s3:*"), allow("kms:GenerateDataKey", KEY))
    assert "kms:Decrypt" in find_denial(s3.complete_multipart_upload, **upload, **parts)
    ann.may(allow("s3:*"), allow("kms:*", KEY))
    assert not find_denial(s3.complete_multipart_upload, **upload, **parts)


def test_a_buckets_own_key_is_asked_for_too(ann: Person, bucket: str, s3_client: Any) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = KEY
    s3_client.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    put = {"Bucket": bucket, "Key": "new", "Body": b"x"}
    assert find_denial(ann.client("s3").put_object, **put) == deny_words(ann, "kms:GenerateDataKey")
    assert not find_denial(ann.client("s3").put_object, **put, ServerSideEncryption="AES256")


def test_an_alias_stands_for_its_key(ann: Person, bucket: str) -> None:
    kms, alias = make_client(ann.aws, "kms"), f"alias/lab-{uuid.uuid4().hex[:8]}"
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=alias, TargetKeyId=arn)
    put = {"Bucket": bucket, "Key": "new", "Body": b"x", **BY_KEY, "SSEKMSKeyId": alias}
    assert arn in find_denial(ann.client("s3").put_object, **put)


def test_a_secret_with_a_key_is_read_with_it(ann: Person) -> None:
    name = f"secret-{uuid.uuid4().hex[:8]}"
    root, mine = make_client(ann.aws, "secretsmanager"), ann.client("secretsmanager")
    plain = root.create_secret(Name=f"{name}-plain", SecretString="x")["ARN"]
    arn = root.create_secret(Name=name, SecretString="x", KmsKeyId=KEY_ID)["ARN"]
    assert not find_denial(mine.get_secret_value, SecretId=plain)
    for given in (name, arn):
        words = find_denial(mine.get_secret_value, SecretId=given)
        assert words == "Access to KMS is not allowed"
    create = {"Name": f"{name}-new", "SecretString": "x", "KmsKeyId": KEY}
    assert find_denial(mine.create_secret, **create) == "Access to KMS is not allowed"
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    ann.may(allow("secretsmanager:*"), allow("kms:Decrypt", KEY, Condition=via))
    assert not find_denial(mine.get_secret_value, SecretId=name)


def test_a_conditional_write_reads_what_is_there(ann: Person, bucket: str, s3_client: Any) -> None:
    s3, tag = ann.client("s3"), s3_client.head_object(Bucket=bucket, Key="plain")["ETag"]
    ann.may(allow("s3:PutObject"))
    put = {"Bucket": bucket, "Key": "plain", "Body": b"y"}
    assert "s3:GetObject on resource" in find_denial(s3.put_object, **put, IfMatch=tag)
    assert not find_denial(s3.put_object, **{**put, "Key": "other"}, IfNoneMatch="*")
    only_new = {"StringEquals": {"s3:if-none-match": "*"}}
    ann.may(allow("s3:PutObject", Condition=only_new))
    assert find_denial(s3.put_object, **put)
    assert not find_denial(s3.put_object, **{**put, "Key": "newer"}, IfNoneMatch="*")
    ann.may(allow(["s3:PutObject", "s3:GetObject"]))
    assert not find_denial(s3.put_object, **put, IfMatch=tag)


def open_permissions(*actions: str) -> TaskPermissions:
    """What tasks may do whose execution role has these actions, in an account of this test."""
    identity = Identity(account_id="210987654321")
    iam = iam_backends[identity.account_id][identity.partition]
    name = "reader"
    if name not in [role.name for role in iam.roles.values()]:
        iam.create_role(name, "{}", "/", None, "", [], "3600")
    iam.put_role_policy(name, "own", write_policy(allow(list(actions))))
    return TaskPermissions(identity, Authority(identity, Credentials("AKIAROOT", "secret")))


def test_ecs_reads_a_secret_with_its_key() -> None:
    secrets = secretsmanager_backends["210987654321"]["us-east-1"]
    made = secrets.create_secret("login", "x", None, "", [], KEY, None, [], False)
    arn = json.loads(made)["ARN"]
    role = "arn:aws:iam::210987654321:role/reader"
    task = StartOrder("a", "j", None, False, (), execution_role_arn=role, task_id="t")
    request = (task, "secretsmanager:GetSecretValue", arn)
    permissions = open_permissions("secretsmanager:GetSecretValue")
    assert permissions.find_denial(*request) == "Access to KMS is not allowed"
    permissions = open_permissions("secretsmanager:GetSecretValue", "kms:Decrypt")
    assert permissions.find_denial(*request) is None
    denial = open_permissions("kms:Decrypt").find_denial(*request)
    assert denial is not None
    assert "secretsmanager:GetSecretValue on resource" in denial
