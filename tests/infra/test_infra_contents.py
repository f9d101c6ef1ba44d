"""What runs left, in the embedded S3 and ECR."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from snakemake_executor_plugin_batchx.infra.contents import (
    Bucket,
    BucketContents,
    choose_definitions,
)
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
)


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


def open_client(aws: EmbeddedAws, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )


@pytest.fixture
def bucket(aws: EmbeddedAws) -> Bucket:
    client = open_client(aws, "s3")
    name = f"b-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=name)
    return Bucket(client, name)


def put(bucket: Bucket, key: str) -> None:
    open_bucket(bucket).put_object(Bucket=bucket.name, Key=key, Body=b"x")


def open_bucket(bucket: Bucket) -> Any:
    return bucket._client


def test_what_is_batchxs_own_is_told_from_the_rest(bucket: Bucket) -> None:
    for key in (".batchx/runs/1/run", ".batchx/data/aa/b", "data/reads.fq", ".batchxes"):
        put(bucket, key)
    contents = bucket.count_contents()
    assert contents == BucketContents(own=2, others=2, example=".batchxes")


def test_a_bucket_is_emptied_of_versions_markers_and_unfinished_uploads(bucket: Bucket) -> None:
    client = open_bucket(bucket)
    put(bucket, "before")
    client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(3):
        put(bucket, ".batchx/a")
    client.delete_object(Bucket=bucket.name, Key=".batchx/a")
    client.create_multipart_upload(Bucket=bucket.name, Key="large")
    assert bucket.empty() == 5
    assert bucket.count_contents() == BucketContents()
    assert not client.list_multipart_uploads(Bucket=bucket.name).get("Uploads")
    client.delete_bucket(Bucket=bucket.name)
    assert bucket.empty() == 0, "and once more where it is gone"


def test_a_bucket_of_many_objects_is_emptied_page_by_page(bucket: Bucket) -> None:
    for number in range(1005):
        put(bucket, f".batchx/{number}")
    assert bucket.empty() == 1005
    assert bucket.count_contents() == BucketContents()


def test_without_leave_only_the_area_of_batchx_is_emptied(bucket: Bucket) -> None:
    client = open_bucket(bucket)
    for key in (".batchx/a", "data/late", ".batchxes"):
        put(bucket, key)
    client.create_multipart_upload(Bucket=bucket.name, Key=".batchx/large")
    client.create_multipart_upload(Bucket=bucket.name, Key="data/large")
    assert bucket.empty(".batchx/") == 1
    assert bucket.count_contents() == BucketContents(own=0, others=2, example=".batchxes")
    uploads = client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [each["Key"] for each in uploads] == ["data/large"]


def test_definitions_of_the_stacks_role_are_chosen() -> None:
    def describe(rule: str, role: str | None, tag: str | None = None) -> dict[str, Any]:
        name = f"bx-{rule}-{'0' * 16}"
        return {
            "jobDefinitionName": name,
            "jobDefinitionArn": f"arn:{name}",
            "revision": 1,
            "containerProperties": {"image": "i", **({"jobRoleArn": role} if role else {})},
            "tags": {"batchx:rule": tag or rule},
        }

    described = [
        describe("ours", "role"),
        describe("others", "another"),
        describe("without", None),
        describe("foreign", "role", tag="x"),
    ]
    assert [each.rule for each in choose_definitions(described, "role")] == ["ours"]
