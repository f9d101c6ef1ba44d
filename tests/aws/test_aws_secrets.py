"""Logins for registries in Secrets Manager: read in the secret's own region, never told."""

import json
from typing import Any

import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.secrets import read_login
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:quay-AbCdEf"


class Secrets:
    """Answers of GetSecretValue, for clients of any region."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def make_client(self, region: str) -> Any:
        return _Client(self, region)


class _Client:
    def __init__(self, secrets: Secrets, region: str) -> None:
        self._secrets, self._region = secrets, region

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        self._secrets.asked.append((self._region, SecretId))
        if isinstance(self._secrets.answer, Exception):
            raise self._secrets.answer
        return self._secrets.answer


def test_a_login_is_read_where_its_secret_is() -> None:
    text = json.dumps({"username": "robot", "password": "hunter2"})
    secrets = Secrets({"SecretString": text})
    assert read_login(secrets.make_client, ARN) == Credential("robot", "hunter2")
    assert secrets.asked == [("eu-central-1", ARN)]


@pytest.mark.parametrize(
    "answer", [{"SecretString": "robot:hunter2"}, {"SecretBinary": b"hunter2"}, {}]
)
def test_a_secret_that_holds_none_is_not_told(answer: dict[str, Any]) -> None:
    with pytest.raises(BatchxError) as caught:
        read_login(Secrets(answer).make_client, ARN)
    assert str(caught.value) == (
        f"Secret {ARN} does not hold a registry's login: it must be "
        '{"username": "…", "password": "…"}.'
    )


def test_a_secret_that_cannot_be_read_is_told_with_the_permission_that_lacks() -> None:
    error = {"Code": "AccessDeniedException", "Message": "not yours"}
    refused = botocore.exceptions.ClientError({"Error": error}, "GetSecretValue")
    with pytest.raises(BatchxError) as caught:
        read_login(Secrets(refused).make_client, ARN)
    assert str(caught.value) == (
        f"The login in secret {ARN} cannot be read: The credentials of this machine lack "
        "secretsmanager:GetSecretValue (not yours): add it to their policies (batchx policy head "
        "prints those needed), and see that no other policy denies it."
    )


def test_a_network_that_is_away_is_one_sentence() -> None:
    error = botocore.exceptions.EndpointConnectionError(endpoint_url="https://secretsmanager")
    with pytest.raises(BatchxError, match=r"^The login in secret arn:.* cannot be read: .*https:"):
        read_login(Secrets(error).make_client, ARN)
