"""ECR's own API, by the embedded AWS where it has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from docker_registry import TestRegistry
from image_kit import FakeEcr, Waits, make_client_error, make_head

from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.credentials import Credential, DockerConfig
from snakemake_executor_plugin_batchx.images.ecr import EcrError, EcrGateway
from snakemake_executor_plugin_batchx.images.media import OCI_MANIFEST
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws, launch_embedded_aws


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def client(aws: EmbeddedAws) -> Any:
    return boto3.client(
        "ecr",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )


def open_gateway(client: Any, now: float = 0.0) -> EcrGateway:
    return EcrGateway(client, "eu-west-1", lambda: now)


def test_repositories_are_made_once_scanned_and_for_good(client: Any) -> None:
    gateway = open_gateway(client)
    assert not gateway.has_repository("batchx/quay.io/a/b")
    assert gateway.create_repository("batchx/quay.io/a/b") == ""
    assert gateway.create_repository("batchx/quay.io/a/b") == ""
    assert gateway.has_repository("batchx/quay.io/a/b")
    (made,) = client.describe_repositories(repositoryNames=["batchx/quay.io/a/b"])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = client.get_lifecycle_policy(repositoryName="batchx/quay.io/a/b")
    (rule,) = json.loads(policy["lifecyclePolicyText"])["rules"]
    assert rule["selection"]["tagPrefixList"] == ["bx-"]
    assert rule["selection"]["countType"] == "sinceImagePushed"


def test_derived_images_are_listed(client: Any) -> None:
    gateway = open_gateway(client)
    gateway.create_repository("batchx/listed")
    gateway.create_repository("other/listed")
    layer = {"digest": "sha256:" + "1" * 64, "size": 10}
    for repository, tag in (
        ("batchx/listed", "bx-1"),
        ("batchx/listed", "x"),
        ("other/listed", "bx-2"),
    ):
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": layer,
            "layers": [layer],
            "tag": tag,
        }
        client.put_image(
            repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag
        )
    images = gateway.list_images("batchx/", "bx-")
    assert [(image.repository, image.tag) for image in images] == [("batchx/listed", "bx-1")]


def test_a_repository_without_its_lifecycle_policy_is_remarked_upon(
    private_server: TestRegistry,
) -> None:
    ecr = FakeEcr(private_server)
    ecr.denied = {"PutLifecyclePolicy"}
    remark = open_gateway(ecr).create_repository("batchx/a")
    assert remark.startswith("Images in ECR repository batchx/a are kept for ever: ")
    assert "ecr:PutLifecyclePolicy" in remark


def test_a_token_is_kept_until_ten_minutes_before_it_expires(
    private_server: TestRegistry,
) -> None:
    ecr = FakeEcr(private_server)
    now = [datetime.now(UTC).timestamp()]
    gateway = EcrGateway(ecr, "eu-west-1", lambda: now[0])
    wanted = Credential(private_server.user, private_server.password)
    assert gateway.get_credential(False) == wanted
    assert gateway.registry_host == private_server.host
    now[0] += timedelta(hours=11, minutes=45).total_seconds()
    gateway.get_credential(False)
    assert ecr.tokens == 1
    now[0] += timedelta(minutes=10).total_seconds()
    gateway.get_credential(False)
    assert ecr.tokens == 2
    gateway.get_credential(True)
    assert ecr.tokens == 3


def test_rules_and_settings_that_may_not_be_asked_for(private_server: TestRegistry) -> None:
    ecr = FakeEcr(private_server)
    gateway = open_gateway(ecr)
    assert gateway.is_mounting() is False
    ecr.mounting = "ENABLED"
    assert gateway.is_mounting() is True
    ecr.denied = {"GetAccountSetting", "DescribePullThroughCacheRules"}
    assert gateway.is_mounting() is True
    assert gateway.list_rules() == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "of this machine lack ecr:GetAuthorizationToken (because): add"),
        ("UnrecognizedClientException", "ECR of eu-west-1 does not know the AWS credentials"),
        ("ExpiredTokenException", "have expired"),
        ("LimitExceededException", "--batchx-repository"),
        ("OddException", "answers ecr:GetAuthorizationToken with OddException: because"),
    ],
)
def test_refusals_are_sentences(code: str, words: str) -> None:
    class Refusing:
        def get_authorization_token(self) -> dict[str, Any]:
            raise make_client_error(code, "because.")

    with pytest.raises(EcrError) as caught:
        open_gateway(Refusing()).get_credential(False)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_wrong_clock_is_not_taken_for_a_wrong_key() -> None:
    said = "Signature expired: 20261130T120000Z is now earlier than 20261130T121500Z"

    class Refusing:
        def get_authorization_token(self) -> dict[str, Any]:
            raise make_client_error("InvalidSignatureException", said)

    with pytest.raises(EcrError, match="because of the time that this machine's clock shows"):
        open_gateway(Refusing()).get_credential(False)


def test_registries_get_the_login_that_is_for_them(
    private_server: TestRegistry, public_server: TestRegistry
) -> None:
    ecr = FakeEcr(private_server)
    asked: list[str] = []

    def open_ecr(region: str) -> EcrGateway:
        asked.append(region)
        return open_gateway(ecr)

    config = DockerConfig({"auths": {"quay.io": {"username": "me", "password": "x"}}}, None)
    access = RegistryAccess(open_gateway(ecr), open_ecr, config, {}, Waits().make_retry())
    for host in (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "999999999999.dkr.ecr.us-east-1.amazonaws.com",
        "999999999999.dkr-ecr.us-east-1.on.aws",
        private_server.host,
        "quay.io",
    ):
        assert access.open(host).is_logged_in()
    assert asked == ["us-east-1"]
    assert not access.open(public_server.host).is_logged_in()
    assert access.open("docker.io") is access.open("registry-1.docker.io")


def test_public_images_need_no_right_to_log_in_at_ecr(private_server: TestRegistry) -> None:
    ecr = FakeEcr(private_server)
    ecr.denied = {"GetAuthorizationToken"}
    assert not make_head(ecr).access.open("quay.io").is_logged_in()
