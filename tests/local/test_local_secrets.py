"""A container's secrets and its registry's login, and ECS's words where they cannot be had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from batch_world import ROLE
from job_runs import Runs
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.container_secrets import (
    SecretRefusedError,
    fetch_login,
    fetch_secrets,
)
from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder
from snakemake_executor_plugin_batchx.local.secret_source import (
    SecretMissingError,
    SecretReference,
    read_reference,
)

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/team/key"
NOT_FOUND = "ResourceNotFoundException: Secrets Manager can't find the specified secret."
FARGATE = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
    "retrieval failed: unable to "
)


class Drawer:
    """A SecretSource of this test."""

    region = "us-east-1"

    def __init__(self, **secrets: str):
        self.secrets = secrets
        self.asked: list[SecretReference] = []

    def read_secret(self, reference: SecretReference) -> str:
        self.asked.append(reference)
        if "secret" not in self.secrets:
            raise SecretMissingError(NOT_FOUND)
        return self.secrets["secret"]

    def find_secret_arn(self, reference: SecretReference) -> str:
        return reference.arn

    def find_parameter_arn(self, name_or_arn: str) -> str:
        return name_or_arn

    def read_parameter(self, name_or_arn: str) -> str:
        if name_or_arn not in ("/team/key", PARAMETER):
            raise SecretMissingError("ParameterNotFound")
        return "of parameter"


def make_order(**properties: Any) -> ContainerOrder:
    return ContainerOrder(
        name="default",
        image="x",
        command=(),
        environment={},
        memory_mib=100,
        is_essential=True,
        log_group="g",
        log_stream="s",
        is_creating_log_group=False,
        properties=properties,
    )


def fetch(source: Drawer, value_from: str, *, is_fargate: bool = False) -> str:
    order = make_order(secrets=[{"name": "TOKEN", "valueFrom": value_from}])
    return fetch_secrets(order, source, is_fargate=is_fargate)["TOKEN"]


@pytest.mark.parametrize(
    ("value_from", "reference"),
    [
        (ARN, SecretReference(ARN, "eu-west-1")),
        (f"{ARN}:key::", SecretReference(ARN, "eu-west-1", "key")),
        (f"{ARN}:key:AWSPREVIOUS:", SecretReference(ARN, "eu-west-1", "key", "AWSPREVIOUS")),
        (f"{ARN}:::0123", SecretReference(ARN, "eu-west-1", version_id="0123")),
    ],
)
def test_what_of_a_secret_is_meant_follows_its_arn(
    value_from: str, reference: SecretReference
) -> None:
    assert read_reference(value_from) == reference


def test_a_secret_comes_whole_or_by_its_key() -> None:
    text = json.dumps({"user": "me", "port": 5432})
    source = Drawer(secret=text)
    assert fetch(source, ARN) == text
    assert fetch(source, f"{ARN}:user::") == "me"
    assert fetch(source, f"{ARN}:port::") == "5432"
    assert [each.json_key for each in source.asked] == ["", "user", "port"]


@pytest.mark.parametrize("place", ["/team/key", PARAMETER])
def test_a_parameter_comes_by_name_or_arn(place: str) -> None:
    assert fetch(Drawer(), place) == "of parameter"


def test_a_container_without_secrets_asks_for_none() -> None:
    source = Drawer()
    assert fetch_secrets(make_order(), source, is_fargate=False) == {}
    assert fetch_login(make_order(), source, is_fargate=False) is None
    assert source.asked == []


@pytest.mark.parametrize(
    ("source", "place", "on_ec2", "on_fargate"),
    [
        (
            Drawer(),
            ARN,
            f"Fetching secret data from AWS Secrets Manager in region eu-west-1: secret {ARN}: "
            + NOT_FOUND,
            f"retrieve secret from asm: service call has been retried 1 time(s): failed to fetch "
            f"secret {ARN} from secrets manager: {NOT_FOUND}",
        ),
        (
            Drawer(secret="{}"),
            f"{ARN}:user::",
            "Fetching secret data from AWS Secrets Manager in region eu-west-1: retrieved secret "
            "from Secrets Manager did not contain json key user",
            "retrieve secret from asm: service call has been retried 1 time(s): retrieved secret "
            "from Secrets Manager did not contain json key user",
        ),
        (
            Drawer(secret="no JSON"),
            f"{ARN}:user::",
            "Fetching secret data from AWS Secrets Manager in region eu-west-1: retrieved secret "
            "from Secrets Manager is no JSON object, and has no key user",
            "retrieve secret from asm: service call has been retried 1 time(s): retrieved secret "
            "from Secrets Manager is no JSON object, and has no key user",
        ),
        (
            Drawer(),
            "/none",
            "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /none",
            "retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm "
            "parameters: /none",
        ),
    ],
)
def test_a_missing_secret_is_told_in_ecss_words(
    source: Drawer, place: str, on_ec2: str, on_fargate: str
) -> None:
    for is_fargate, words in ((False, on_ec2), (True, FARGATE + on_fargate)):
        with pytest.raises(SecretRefusedError) as caught:
            fetch(source, place, is_fargate=is_fargate)
        assert str(caught.value) == words


LOGIN = make_order(repositoryCredentials={"credentialsParameter": ARN})


def test_a_login_is_a_user_and_a_password() -> None:
    source = Drawer(secret='{"username": "me", "password": "p"}')
    assert fetch_login(LOGIN, source, is_fargate=False) == PullCredentials("me", "p")


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ({}, f"fetching secret from the service for {ARN}: {NOT_FOUND}"),
        ({"secret": "p"}, "unable to unmarshal secret value, invalid schema"),
        ({"secret": "[]"}, "unable to unmarshal secret value, invalid schema"),
        ({"secret": '{"username": "me"}'}, "fetching password: AuthorizationData is malformed"),
        ({"secret": '{"password": "p"}'}, "fetching username: AuthorizationData is malformed"),
    ],
)
def test_a_login_that_is_none_is_told_in_ecss_words(secrets: dict[str, str], words: str) -> None:
    for is_fargate, start in ((False, "Asm fetching "), (True, FARGATE + "get registry auth")):
        with pytest.raises(SecretRefusedError) as caught:
            fetch_login(LOGIN, Drawer(**secrets), is_fargate=is_fargate)
        assert str(caught.value).startswith(start)
        assert words in str(caught.value)


@pytest.fixture(scope="module")
def secret_arn(strict_aws: EmbeddedAws) -> Iterator[str]:
    """A secret of the embedded account, ``{"user": "me"}``, and the parameter /team/key."""
    ssm = make_client(strict_aws, "ssm")
    ssm.put_parameter(Name="/team/key", Value="hidden", Type="SecureString")
    client = make_client(strict_aws, "secretsmanager")
    arn: str = client.create_secret(Name="team/token", SecretString='{"user": "me"}')["ARN"]
    yield arn
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    ssm.delete_parameter(Name="/team/key")


def test_moto_keeps_secrets_and_parameters(strict_aws: EmbeddedAws, secret_arn: str) -> None:
    secrets = make_client(strict_aws, "secretsmanager")
    assert secrets.get_secret_value(SecretId=secret_arn)["SecretString"] == '{"user": "me"}'
    found = make_client(strict_aws, "ssm").get_parameter(Name="/team/key", WithDecryption=True)
    assert found["Parameter"]["Value"] == "hidden"


def test_a_jobs_process_has_its_secrets_and_describe_jobs_has_not(
    process_runs: Runs, secret_arn: str
) -> None:
    secrets = [
        {"name": "WHOLE", "valueFrom": secret_arn},
        {"name": "KEY", "valueFrom": f"{secret_arn}:user::"},
        {"name": "CURRENT", "valueFrom": f"{secret_arn}:user:AWSCURRENT:"},
        {"name": "BY_NAME", "valueFrom": "/team/key"},
        {"name": "BY_ARN", "valueFrom": PARAMETER},
    ]
    container = {"secrets": secrets, "executionRoleArn": ROLE}
    script = 'echo "$WHOLE $KEY $CURRENT $BY_NAME $BY_ARN"'
    job, log = process_runs.run("sh", "-c", script, container=container)
    assert log == ['{"user": "me"} me me hidden hidden']
    assert job["container"]["secrets"] == secrets
    assert "hidden" not in str(job)


def test_a_job_whose_secret_is_missing_fails_in_ecss_words(process_runs: Runs) -> None:
    secrets = [{"name": "TOKEN", "valueFrom": "/none"}]
    container = {"secrets": secrets, "executionRoleArn": ROLE}
    job = process_runs.wait(process_runs.submit("true", container=container))
    assert (job["status"], job["attempts"][0]["statusReason"]) == ("FAILED", job["statusReason"])
    assert job["statusReason"] == (
        "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /none"
    )
    assert "exitCode" not in job["container"]


def test_a_secret_of_bytes_or_of_another_version_is_missing(
    process_runs: Runs, strict_aws: EmbeddedAws, secret_arn: str
) -> None:
    client = make_client(strict_aws, "secretsmanager")
    binary = client.create_secret(Name="binary", SecretBinary=b"x")["ARN"]
    for place, words in (
        (binary, "InvalidRequestException: the secret holds no text"),
        (f"{secret_arn}::AWSPREVIOUS:", NOT_FOUND),
    ):
        secrets = [{"name": "TOKEN", "valueFrom": place}]
        container = {"secrets": secrets, "executionRoleArn": ROLE}
        job = process_runs.wait(process_runs.submit("true", container=container))
        assert words in job["statusReason"]
