"""What is served beside the jobs: S3 with its checks, errors, throttling, counts, credentials."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import threading
import urllib.error
import urllib.request
import uuid
import zlib
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from iam_kit import open_client
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

BODY = b"some bytes"


def encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def read_page(aws: EmbeddedAws, path: str) -> Any:
    with urllib.request.urlopen(aws.endpoint_url + path) as answer:
        return json.load(answer)


def test_one_of_many_conditional_writers_wins(s3_client: Any, strict_aws: EmbeddedAws) -> None:
    key = f"lease-{uuid.uuid4()}"
    outcomes: list[str] = []

    def write(number: int) -> None:
        try:
            s3_client.put_object(
                Bucket=strict_aws.bucket, Key=key, Body=str(number).encode(), IfNoneMatch="*"
            )
            outcomes.append(str(number))
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [each for each in outcomes if each != "PreconditionFailed"]
    stored = s3_client.get_object(Bucket=strict_aws.bucket, Key=key)["Body"].read()
    assert stored.decode() == winner
    assert len(outcomes) == 16


@pytest.mark.parametrize(
    ("member", "right"),
    [
        ("ChecksumSHA256", encode(hashlib.sha256(BODY).digest())),
        ("ChecksumSHA1", encode(hashlib.sha1(BODY).digest())),
        ("ChecksumCRC32", encode(zlib.crc32(BODY).to_bytes(4, "big"))),
        ("ContentMD5", encode(hashlib.md5(BODY).digest())),
    ],
)
def test_a_wrong_checksum_is_refused_and_a_right_one_kept(
    s3_client: Any, strict_aws: EmbeddedAws, member: str, right: str
) -> None:
    where = {"Bucket": strict_aws.bucket, "Key": f"checked-{member}"}
    wrong = encode(bytes(len(base64.b64decode(right))))
    with pytest.raises(ClientError) as caught:
        s3_client.put_object(**where, Body=BODY, **{member: wrong})
    assert caught.value.response["Error"]["Code"] == "BadDigest"
    s3_client.put_object(**where, Body=BODY, **{member: right})
    if member != "ContentMD5":
        assert s3_client.head_object(**where, ChecksumMode="ENABLED")[member] == right


def test_keys_may_hold_anything(s3_client: Any, strict_aws: EmbeddedAws) -> None:
    key = "a b/é/日本+&?#%2F.txt"
    s3_client.put_object(Bucket=strict_aws.bucket, Key=key, Body=BODY)
    assert s3_client.get_object(Bucket=strict_aws.bucket, Key=key)["Body"].read() == BODY
    listed = s3_client.list_objects_v2(Bucket=strict_aws.bucket, Prefix="a b/é/")["Contents"]
    assert [each["Key"] for each in listed] == [key]


def test_ranges_and_missing_keys_are_as_in_s3(s3_client: Any, strict_aws: EmbeddedAws) -> None:
    s3_client.put_object(Bucket=strict_aws.bucket, Key="ranged", Body=BODY)
    part = s3_client.get_object(Bucket=strict_aws.bucket, Key="ranged", Range="bytes=5-8")
    assert part["Body"].read() == b"byte"
    with pytest.raises(ClientError) as caught:
        s3_client.head_object(Bucket=strict_aws.bucket, Key="none")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_connection_serves_many_requests(strict_aws: EmbeddedAws) -> None:
    address = urlsplit(strict_aws.endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    for path in ("/_batchx/calls", "/none-such/key", "/_batchx/calls"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert not answer.will_close
    connection.close()


def test_moto_serves_the_other_services(strict_aws: EmbeddedAws) -> None:
    identity = make_client(strict_aws, "sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    roles = make_client(strict_aws, "iam").list_roles()["Roles"]
    # Other tests make more of them.
    assert {role["Arn"] for role in roles} >= {
        strict_aws.job_role_arn,
        strict_aws.execution_role_arn,
        "arn:aws:iam::123456789012:role/ecsInstanceRole",
        "arn:aws:iam::123456789012:role/some-role",
    }
    repository = make_client(strict_aws, "ecr").create_repository(repositoryName="tools")
    assert repository["repository"]["repositoryName"] == "tools"


def test_calls_are_counted_by_operation(strict_aws: EmbeddedAws, batch_client: Any) -> None:
    before = read_page(strict_aws, "/_batchx/calls")
    batch_client.describe_jobs(jobs=["none"])
    make_client(strict_aws, "s3").list_objects_v2(Bucket=strict_aws.bucket)
    after = read_page(strict_aws, "/_batchx/calls")
    assert after["batch.DescribeJobs"] - before.get("batch.DescribeJobs", 0) == 1
    assert after["s3.GET"] - before.get("s3.GET", 0) == 1


def test_credentials_are_served_as_ecs_does(strict_aws: EmbeddedAws) -> None:
    for place, role in (
        ("role/batchx-local-job/task-1", "batchx-local-job"),
        ("instance-profile/ecsInstanceRole/task-1", "ecsInstanceRole"),
    ):
        given = read_page(strict_aws, f"/_batchx/credentials/{place}")
        assert given == read_page(strict_aws, f"/_batchx/credentials/{place}")
        assert given["RoleArn"] == f"arn:aws:iam::123456789012:role/{role}"
        assert given["Expiration"].endswith("Z")
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["Token"])
        identity = open_client(strict_aws, "sts", *keys).get_caller_identity()
        assert identity["Arn"] == f"arn:aws:sts::123456789012:assumed-role/{role}/task-1"


@pytest.mark.parametrize(
    "place", ["role/none/task-1", "role/batchx-local-job", "instance-profile/none/i-1", "other"]
)
def test_no_other_credentials_are_served(strict_aws: EmbeddedAws, place: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        read_page(strict_aws, f"/_batchx/credentials/{place}")
    assert caught.value.code == 404


def test_another_region_has_no_batch(strict_aws: EmbeddedAws) -> None:
    client = boto3.client(
        "batch",
        endpoint_url=strict_aws.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=strict_aws.access_key_id,
        aws_secret_access_key=strict_aws.secret_access_key,
    )
    with pytest.raises(ClientError, match="is in us-east-1, not in eu-west-1"):
        client.describe_job_queues()


def test_tags_travel_over_http(strict_aws: EmbeddedAws, batch_client: Any) -> None:
    arn = batch_client.describe_job_queues()["jobQueues"][0]["jobQueueArn"]
    batch_client.tag_resource(resourceArn=arn, tags={"a b": "é", "c": ""})
    batch_client.untag_resource(resourceArn=arn, tagKeys=["c", "none"])
    tags = batch_client.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == {"a b": "é", "batchx:local-runner": "process"}


def test_a_queue_says_how_its_jobs_run_whoever_makes_it(
    strict_aws: EmbeddedAws, batch_client: Any
) -> None:
    (own,) = batch_client.describe_job_queues(jobQueues=[strict_aws.job_queue])["jobQueues"]
    order = own["computeEnvironmentOrder"]
    for name, tags in (("plain", {}), ("tagged", {"team": "7"})):
        batch_client.create_job_queue(
            jobQueueName=name, priority=1, computeEnvironmentOrder=order, tags=tags
        )
        (made,) = batch_client.describe_job_queues(jobQueues=[name])["jobQueues"]
        assert made["tags"] == {"batchx:local-runner": "process", **tags}


def test_callers_who_are_too_fast_are_throttled(strict_aws: EmbeddedAws) -> None:
    client = boto3.client(
        "batch",
        endpoint_url=strict_aws.endpoint_url,
        region_name=strict_aws.region,
        aws_access_key_id=strict_aws.access_key_id,
        aws_secret_access_key=strict_aws.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )

    def call_until_refused() -> Any:
        for _ in range(10_000):
            client.describe_jobs(jobs=[])

    with pytest.raises(ClientError) as caught:
        call_until_refused()
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_what_is_no_request_of_batch_is_refused(strict_aws: EmbeddedAws) -> None:
    place = f"{strict_aws.access_key_id}/20260101/us-east-1/batch/aws4_request"
    scope = f"AWS4-HMAC-SHA256 Credential={place}, Signature=x"
    for path, body, words in (
        ("/v1/nosuchcall", b"{}", "has no operation"),
        ("/v1/submitjob", b"{", "no JSON"),
        ("/v1/submitjob", b"[]", "no JSON object"),
    ):
        request = urllib.request.Request(
            strict_aws.endpoint_url + path, data=body, headers={"Authorization": scope}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 400
        assert words in json.load(caught.value)["message"]
