"""Requests that moto would read otherwise than the gate: no way round the policies."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from iam_kit import Person, allow
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.iam.calls import Signature, read_operation
from snakemake_executor_plugin_batchx.local.iam.pinning import pin_request
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

SCOPE = "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, Signature=0"


@pytest.fixture
def ann(strict_aws: EmbeddedAws) -> Person:
    """A user who may do nothing yet."""
    return Person(strict_aws, f"ann-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def secret(s3_client: Any) -> Iterator[str]:
    """A bucket that she may not read, with an object."""
    name = f"secret-{uuid.uuid4().hex[:8]}"
    s3_client.create_bucket(Bucket=name)
    s3_client.put_object(Bucket=name, Key="k/x", Body=b"hidden")
    yield name
    s3_client.delete_object(Bucket=name, Key="k/x")
    s3_client.delete_bucket(Bucket=name)


def send(
    aws: EmbeddedAws, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, str]:
    """Sends a request as it stands; the status and the text of the answer."""
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint_url).netloc, timeout=30)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def sign(person: Person, service: str) -> dict[str, str]:
    return {"Authorization": SCOPE.format(key=person.key["AccessKeyId"], service=service)}


HOSTS = ("{}.s3.amazonaws.com", "{}.s3.us-east-1.amazonaws.com", "{}.localhost:80", "{}.lab.org")


@pytest.mark.parametrize("host", HOSTS)
def test_a_bucket_in_the_host_is_the_bucket(ann: Person, secret: str, host: str) -> None:
    headers = {**sign(ann, "s3"), "Host": host.format(secret)}
    status, text = send(ann.aws, "/k/x", **headers)
    assert status == 403
    assert f"s3:GetObject on resource: &quot;arn:aws:s3:::{secret}/k/x" in text.replace(
        '"', "&quot;"
    )
    ann.may(allow("s3:GetObject", f"arn:aws:s3:::{secret}/k/*"))
    assert send(ann.aws, "/k/x", **headers) == (200, "hidden")


@pytest.mark.parametrize("path", ["/{}/k/x", "//{}/k/x", "////{}/k/x", "/{}/%6b/x", "/{}"])
def test_a_path_has_one_reading(ann: Person, secret: str, path: str) -> None:
    ann.may(allow("s3:ListAllMyBuckets"))
    assert send(ann.aws, path.format(secret), **sign(ann, "s3"))[0] == 403


UNSIGNED = ("/{}?Action=AssumeRoleWithSAML", "/moto-api/data.json?Action=AssumeRoleWithSAML")


@pytest.mark.parametrize("path", [*UNSIGNED, "/moto-api/data.json", "/{}/k/x"])
def test_an_unsigned_request_is_let_in_to_sts_alone(
    strict_aws: EmbeddedAws, secret: str, path: str
) -> None:
    assert send(strict_aws, path.format(secret))[0] == 403
    assert send(strict_aws, path.format(secret), "POST")[0] == 403


def test_a_sign_in_goes_to_sts(strict_aws: EmbeddedAws, secret: str) -> None:
    action = f"/?Action=AssumeRoleWithWebIdentity&RoleSessionName=me&WebIdentityToken=t{'o' * 9}"
    role = "&RoleArn=arn:aws:iam::123456789012:role/batchx-local-job&Version=2011-06-15"
    for host in ("localhost", f"{secret}.s3.amazonaws.com"):
        status, text = send(strict_aws, action + role, Host=host)
        assert "AssumeRoleWithWebIdentityResponse" in text
        assert status == 200


@pytest.mark.parametrize("path", ["/moto-api/data.json", "/v20180820/configuration/x"])
@pytest.mark.parametrize("service", ["s3", "sts"])
def test_what_moto_answers_by_itself_is_the_accounts_own(
    ann: Person, path: str, service: str
) -> None:
    ann.may(allow("*"))
    status, text = send(ann.aws, f"{path}?Action=GetCallerIdentity", **sign(ann, service))
    assert status == 403
    assert "does not know which permission GET " + path in text


def test_a_presigned_url_is_of_the_service_that_it_is_signed_for(ann: Person, secret: str) -> None:
    scope = f"{ann.key['AccessKeyId']}/20260101/us-east-1/sts/aws4_request"
    path = f"/{secret}?X-Amz-Credential={scope}&Action=GetCallerIdentity"
    assert "hidden" not in send(ann.aws, path)[1]
    assert "<Key>" not in send(ann.aws, path)[1]


def test_a_header_with_two_scopes_is_of_one(ann: Person, secret: str) -> None:
    header = sign(ann, "sts")["Authorization"].replace("Credential", "X=a/b/us-east-1/s3/c, Cred")
    both = header.replace("Cred=", "Credential=")
    text = send(ann.aws, f"/{secret}?Action=GetCallerIdentity", Authorization=both)[1]
    assert "<Key>" not in text


def test_a_request_of_two_minds_has_no_operation() -> None:
    query = {"QUERY_STRING": "Action=GetCallerIdentity"}
    assert read_operation(query, b"")[0] == "GetCallerIdentity"
    assert read_operation(query, b"Action=GetCallerIdentity")[0] == "GetCallerIdentity"
    assert read_operation(query, b"Action=AssumeRole")[0] == ""
    target = {"HTTP_X_AMZ_TARGET": "x.GetCallerIdentity"}
    assert read_operation(target, b"{}")[0] == "GetCallerIdentity"
    assert read_operation(target, b"Action=AssumeRole")[0] == ""


def test_the_account_may_see_motos_own_pages(strict_aws: EmbeddedAws) -> None:
    headers = {"Authorization": SCOPE.format(key=strict_aws.access_key_id, service="s3")}
    status, text = send(strict_aws, "/moto-api/config", **headers)
    assert status == 201
    assert json.loads(text)


def test_keys_of_all_characters_stay_what_they_are(strict_aws: EmbeddedAws) -> None:
    s3 = make_client(strict_aws, "s3")
    for key in ("ü/a b+c", "a//b", "%25", "x?y#z", "~a'(b)"):
        s3.put_object(Bucket=strict_aws.bucket, Key=key, Body=key.encode())
        found = s3.get_object(Bucket=strict_aws.bucket, Key=key)["Body"].read()
        assert found == key.encode()
        listed = s3.list_objects_v2(Bucket=strict_aws.bucket, Prefix=key)["Contents"]
        assert [each["Key"] for each in listed] == [key]
        s3.delete_object(Bucket=strict_aws.bucket, Key=key)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("127.0.0.1:5000", "/b/k", ("127.0.0.1:5000", "/b/k")),
        ("[::1]:5000", "/b/k", ("[::1]:5000", "/b/k")),
        ("localhost:5000", "/b/k", ("localhost:5000", "/b/k")),
        ("host.docker.internal", "/b/k", ("host.docker.internal", "/b/k")),
        ("s3.amazonaws.com", "/b/k", ("localhost", "/b/k")),
        ("s3-eu-west-1.amazonaws.com", "/b/k", ("localhost", "/b/k")),
        ("b.s3.cn-north-1.amazonaws.com.cn", "/k", ("localhost", "/b/k")),
        ("a.b.s3.amazonaws.com", "//k", ("localhost", "/a.b//k")),
        ("b.localhost:5000", "/", ("localhost", "/b/")),
        ("localhost", "//b//k", ("localhost", "/b//k")),
    ],
)
def test_hosts_and_paths(host: str, path: str, expected: tuple[str, str]) -> None:
    environ = {"HTTP_HOST": host, "PATH_INFO": path, "QUERY_STRING": "a"}
    pin_request(environ, Signature("K", "", "s3", None), "us-east-1")
    assert (environ["HTTP_HOST"], environ["PATH_INFO"]) == expected
    assert environ["RAW_URI"] == expected[1] + "?a"
    assert "Credential=K/20000101/us-east-1/s3/aws4_request" in environ["HTTP_AUTHORIZATION"]
