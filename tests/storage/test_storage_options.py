"""What a user may ask of S3: as AWS's own model of the requests has it, and in each request."""

import io
from typing import Any

import boto3
import pytest
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber

from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, make_s3_client
from snakemake_executor_plugin_batchx.storage.options import (
    STORAGE_CLASSES,
    S3Options,
    decode_options,
)
from snakemake_executor_plugin_batchx.storage.paying import agree_to_pay
from snakemake_executor_plugin_batchx.storage.refusals import ACTIONS

ALL = S3Options(
    kms_key_id="alias/mine",
    storage_class="STANDARD_IA",
    acl="bucket-owner-full-control",
    is_requester_pays=True,
)
WRITES = {
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "alias/mine",
    "StorageClass": "STANDARD_IA",
    "ACL": "bucket-owner-full-control",
    "RequestPayer": "requester",
}
PAYS = {"RequestPayer": "requester"}


def make_session() -> boto3.Session:
    return boto3.Session("key", "secret", region_name="eu-west-1")


@pytest.mark.parametrize("operation", sorted(ACTIONS))
def test_each_operation_gets_what_aws_takes(operation: str) -> None:
    client = make_session().client("s3")
    members = client.meta.service_model.operation_model(operation).input_shape.members
    params = ALL.list_params(operation)
    assert params.keys() == WRITES.keys() & members.keys() - (
        {"ACL"} if operation == "CreateBucket" else set()
    )
    assert params == {name: WRITES[name] for name in params}
    for name, value in params.items():
        assert value in (getattr(members[name], "enum", None) or [value])


def test_storage_classes_are_of_aws() -> None:
    model = make_session().client("s3").meta.service_model
    assert set(STORAGE_CLASSES) <= set(model.shape_for("StorageClass").enum)


def test_nothing_is_asked_by_default() -> None:
    assert {operation: S3Options().list_params(operation) for operation in ACTIONS} == {
        operation: {} for operation in ACTIONS
    }
    assert S3Options().encode() == ""


@pytest.mark.parametrize(
    "options", [S3Options(), ALL, S3Options("https://s3.lab", "path"), ALL.for_own_objects]
)
def test_options_travel_to_a_job(options: S3Options) -> None:
    assert decode_options(options.encode()) == options


def test_own_objects_keep_the_standard_class() -> None:
    assert "StorageClass" not in ALL.for_own_objects.list_params("PutObject")


def test_requests_carry_them() -> None:
    client = make_s3_client(make_session(), "eu-west-1", ALL)
    gateway = S3Gateway(client, "bucket", options=ALL)
    with Stubber(client) as stubber:
        stubber.add_response("head_object", {}, {"Bucket": "bucket", "Key": "key", **PAYS})
        stubber.add_response("list_objects_v2", {}, {"Bucket": "bucket", "Prefix": "p", **PAYS})
        gateway.perform("HeadObject", "key", {})
        assert list(gateway.list_below("p")) == []


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (S3Options(), "https://bucket.s3.eu-west-1.amazonaws.com/key"),
        (S3Options(addressing="path"), "https://s3.eu-west-1.amazonaws.com/bucket/key"),
        (S3Options(addressing="virtual"), "https://bucket.s3.eu-west-1.amazonaws.com/key"),
        (S3Options(addressing="accelerate"), "https://bucket.s3-accelerate.amazonaws.com/key"),
        (S3Options("https://s3.lab:9", "path"), "https://s3.lab:9/bucket/key"),
        (S3Options("https://s3.lab:9", "virtual"), "https://bucket.s3.lab:9/key"),
    ],
)
def test_requests_go_where_they_are_to(options: S3Options, url: str) -> None:
    client = make_s3_client(make_session(), "eu-west-1", options)
    seen: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        seen.append(request.url)
        return AWSResponse(request.url, 200, {}, urllib3.HTTPResponse(io.BytesIO()))

    client.meta.events.register("before-send.s3", answer)
    client.get_object(Bucket="bucket", Key="key")
    assert seen == [url]


def test_clients_of_others_agree_to_pay_where_they_can() -> None:
    session = make_session()
    agree_to_pay(session)
    client = session.client("s3")
    with Stubber(client) as stubber:
        stubber.add_response("head_object", {}, {"Bucket": "b", "Key": "k", **PAYS})
        stubber.add_response("head_bucket", {}, {"Bucket": "b"})
        client.head_object(Bucket="b", Key="k")
        client.head_bucket(Bucket="b")
