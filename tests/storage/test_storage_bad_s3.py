"""The S3 that fails, itself: that it does what it is told, and is S3 otherwise."""

import base64
import hashlib
import http.client
import zlib
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest
from bad_s3.digests import DIGESTS, digest_content
from bad_s3.rules import Fault, Rule, chance, every, first, nth
from bad_s3.world import BadBucket, make_client, open_bad_bucket, serve_moto
from botocore.config import Config

CONTENT = bytes(range(256)) * 40
PART_BYTES = 5 * 1024 * 1024
ONE_TRY = Config(
    retries={"total_max_attempts": 1},
    read_timeout=1,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
ALGORITHMS = pytest.mark.parametrize("algorithm", list(DIGESTS))


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with serve_moto() as url:
        yield url


@pytest.fixture
def bucket(moto_url: str) -> Iterator[BadBucket]:
    with open_bad_bucket(moto_url) as bucket:
        yield bucket


@pytest.fixture
def client(bucket: BadBucket) -> Any:
    return make_client(bucket.server.url, ONE_TRY)


def name_field(algorithm: str) -> str:
    return f"Checksum{algorithm.upper()}"


def put(client: Any, bucket: BadBucket, **params: Any) -> Any:
    return client.put_object(Bucket=bucket.name, Key="a b/ö", Body=CONTENT, **params)


def get(client: Any, bucket: BadBucket, **params: Any) -> Any:
    return client.get_object(Bucket=bucket.name, Key="a b/ö", **params)


@ALGORITHMS
def test_a_checksum_is_kept_and_told(bucket: BadBucket, client: Any, algorithm: str) -> None:
    name, value = name_field(algorithm), digest_content(CONTENT, algorithm).value
    assert put(client, bucket, **{name: value})[name] == value
    for answer in (
        get(client, bucket, ChecksumMode="ENABLED"),
        get(client, bucket, ChecksumMode="ENABLED", Range="bytes=0-99999999"),
        client.head_object(Bucket=bucket.name, Key="a b/ö", ChecksumMode="ENABLED"),
    ):
        assert answer[name] == value
        assert answer["ChecksumType"] == "FULL_OBJECT"
    assert name not in get(client, bucket)
    assert name not in get(client, bucket, ChecksumMode="ENABLED", Range="bytes=0-9")
    assert bucket.read("a b/ö") == CONTENT


def test_an_object_without_a_checksum_gets_one(bucket: BadBucket, client: Any) -> None:
    bucket.write("a b/ö", CONTENT)
    head = client.head_object(Bucket=bucket.name, Key="a b/ö", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == digest_content(CONTENT, "crc64nvme").value


@ALGORITHMS
def test_an_upload_that_is_changed_on_its_way_is_refused(
    bucket: BadBucket, client: Any, algorithm: str
) -> None:
    bucket.server.book.set_rules(Rule(Fault.CORRUPT, method="PUT"))
    with pytest.raises(botocore.exceptions.ClientError, match="BadDigest"):
        put(client, bucket, **{name_field(algorithm): digest_content(CONTENT, algorithm).value})
    assert bucket.list_keys() == []


def test_an_md5_is_verified(bucket: BadBucket, client: Any) -> None:
    bucket.server.book.set_rules(Rule(Fault.CORRUPT, method="PUT"))
    md5 = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    with pytest.raises(botocore.exceptions.ClientError, match="BadDigest"):
        put(client, bucket, ContentMD5=md5)


def test_without_a_checksum_a_changed_upload_is_taken(bucket: BadBucket, client: Any) -> None:
    bucket.server.book.set_rules(Rule(Fault.CORRUPT, method="PUT"))
    put(client, bucket)
    assert bucket.read("a b/ö") != CONTENT


@pytest.mark.parametrize("is_right", [True, False])
def test_a_trailer_is_verified(bucket: BadBucket, is_right: bool) -> None:
    told = base64.b64encode(zlib.crc32(CONTENT if is_right else b"other").to_bytes(4, "big"))
    parts = (CONTENT[:5000], CONTENT[5000:])
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    body = framed + b"0\r\nx-amz-checksum-crc32:" + told + b"\r\n\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", bucket.server.server_port)
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Decoded-Content-Length": str(len(CONTENT)),
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    # http.client sends an iterable in chunks, as boto3 does over TLS.
    connection.request("PUT", f"/{bucket.name}/key", iter([body]), headers)
    answer = connection.getresponse()
    assert answer.status == (200 if is_right else 400)
    assert (b"BadDigest" in answer.read()) is not is_right
    connection.close()
    assert bucket.read("key") == (CONTENT if is_right else None)


def upload_in_parts(
    client: Any, bucket: BadBucket, algorithm: str, parts: list[bytes], **last: Any
) -> Any:
    place = {"Bucket": bucket.name, "Key": "large"}
    begun = client.create_multipart_upload(**place, ChecksumAlgorithm=algorithm.upper())
    name, sent = name_field(algorithm), []
    for number, content in enumerate(parts, 1):
        told = {name: digest_content(content, algorithm).value}
        where = {"UploadId": begun["UploadId"], "PartNumber": number}
        answer = client.upload_part(**place, **where, Body=content, **told)
        assert answer.get(name, told[name]) == told[name]
        sent.append({"PartNumber": number, "ETag": answer["ETag"], **told})
    uploaded = {"UploadId": begun["UploadId"], "MultipartUpload": {"Parts": sent}}
    return client.complete_multipart_upload(**place, **uploaded, **last)


@ALGORITHMS
def test_the_checksum_of_parts_is_that_of_the_whole(
    bucket: BadBucket, client: Any, algorithm: str
) -> None:
    parts = [bytes([number]) * PART_BYTES for number in range(2)] + [b"end"]
    upload_in_parts(client, bucket, algorithm, parts)
    head = client.head_object(Bucket=bucket.name, Key="large", ChecksumMode="ENABLED")
    value = head[name_field(algorithm)]
    if algorithm == "crc64nvme":
        assert (head["ChecksumType"], value) == (
            "FULL_OBJECT",
            digest_content(b"".join(parts), algorithm).value,
        )
    else:
        assert head["ChecksumType"] == "COMPOSITE"
        assert value.endswith("-3")


def test_a_wrong_checksum_of_the_whole_is_refused(bucket: BadBucket, client: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="BadDigest"):
        upload_in_parts(
            client,
            bucket,
            "crc64nvme",
            [b"whole"],
            ChecksumCRC64NVME=digest_content(b"other", "crc64nvme").value,
        )
    assert bucket.list_keys() == []


@pytest.mark.parametrize("has_checksums", [False, True])
def test_an_upload_ends_once(moto_url: str, has_checksums: bool) -> None:
    with open_bad_bucket(moto_url, has_checksums=has_checksums) as bucket:
        client = make_client(bucket.server.url, ONE_TRY)
        bucket.server.book.set_rules(Rule(Fault.RESET_AFTER, operation="CompleteMultipartUpload"))
        with pytest.raises(botocore.exceptions.BotoCoreError):
            upload_in_parts(client, bucket, "crc64nvme", [CONTENT])
        assert bucket.read("large") == CONTENT
        begun = client.create_multipart_upload(Bucket=bucket.name, Key="other")
        place = {"Bucket": bucket.name, "Key": "other", "UploadId": begun["UploadId"]}
        client.abort_multipart_upload(**place)
        with pytest.raises(botocore.exceptions.ClientError, match="NoSuchUpload"):
            client.upload_part(**place, PartNumber=1, Body=b"content")


def test_another_etag_than_expected_is_refused(bucket: BadBucket, client: Any) -> None:
    etag = bucket.write("a b/ö", CONTENT)
    assert get(client, bucket, IfMatch=etag)["Body"].read() == CONTENT
    bucket.write("a b/ö", b"other")
    with pytest.raises(botocore.exceptions.ClientError, match="PreconditionFailed"):
        get(client, bucket, IfMatch=etag)


REFUSED = {
    Fault.SLOW_DOWN: "SlowDown",
    Fault.INTERNAL_ERROR: "InternalError",
    Fault.ACCESS_DENIED: "AccessDenied",
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refusals_are_worded_as_s3s(bucket: BadBucket, client: Any, fault: Fault) -> None:
    bucket.server.book.set_rules(Rule(fault, first(1)))
    with pytest.raises(botocore.exceptions.ClientError, match=REFUSED[fault]):
        put(client, bucket)
    put(client, bucket)
    assert bucket.server.book.faults == {fault: 1}


BROKEN = [
    Fault.STALL,
    Fault.STALL_HALFWAY,
    Fault.RESET,
    Fault.RESET_HALFWAY,
    Fault.RESET_AFTER,
    Fault.TRUNCATE,
]


@pytest.mark.parametrize("fault", BROKEN)
def test_answers_break_off(bucket: BadBucket, client: Any, fault: Fault) -> None:
    bucket.write("a b/ö", CONTENT)
    bucket.server.book.set_rules(Rule(fault, first(1), method="GET"))
    with pytest.raises(botocore.exceptions.BotoCoreError):
        get(client, bucket)["Body"].read()
    assert get(client, bucket)["Body"].read() == CONTENT
    assert bucket.server.book.methods == {"GET": 2}


@pytest.mark.parametrize("fault", [each for each in BROKEN if each is not Fault.TRUNCATE])
def test_uploads_break_off(bucket: BadBucket, client: Any, fault: Fault) -> None:
    bucket.server.book.set_rules(Rule(fault, method="PUT"))
    with pytest.raises(botocore.exceptions.BotoCoreError):
        put(client, bucket)
    is_stored = fault is Fault.RESET_AFTER
    assert bucket.read("a b/ö") == (CONTENT if is_stored else None)


def test_answers_are_changed(bucket: BadBucket, client: Any) -> None:
    bucket.write("a b/ö", CONTENT)
    bucket.server.book.set_rules(Rule(Fault.CORRUPT, method="GET"))
    body = get(client, bucket)["Body"].read()
    assert len(body) == len(CONTENT)
    assert sum(one != other for one, other in zip(body, CONTENT, strict=True)) == 1


def count_hits(bucket: BadBucket, client: Any, rule: Rule) -> list[int]:
    """Which of ten requests a rule hits."""
    bucket.server.book.set_rules(rule)
    hits = []
    for number in range(1, 11):
        try:
            client.head_object(Bucket=bucket.name, Key=f"key{number}")
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "503":
                hits.append(number)
    return hits


def test_rules_say_which_requests_they_hit(bucket: BadBucket, client: Any) -> None:
    slow = Fault.SLOW_DOWN
    assert count_hits(bucket, client, Rule(slow, first(2))) == [1, 2]
    assert count_hits(bucket, client, Rule(slow, nth(3))) == [3]
    assert count_hits(bucket, client, Rule(slow, every(4))) == [4, 8]
    assert count_hits(bucket, client, Rule(slow, key="key[57]$")) == [5, 7]
    assert count_hits(bucket, client, Rule(slow, method="GET")) == []
    assert count_hits(bucket, client, Rule(slow, operation="HeadObject")) == list(range(1, 11))


def test_chances_are_the_seeds(moto_url: str) -> None:
    found = []
    for seed in (1, 1, 2):
        with open_bad_bucket(moto_url, seed=seed) as bucket:
            client = make_client(bucket.server.url, ONE_TRY)
            found.append(count_hits(bucket, client, Rule(Fault.SLOW_DOWN, chance(0.5))))
    assert found[0] == found[1] != found[2]
