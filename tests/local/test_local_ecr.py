"""The embedded ECR in front of a real registry, seen through boto3 and jobs."""

from __future__ import annotations

import base64
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError
from docker_images import import_busybox
from docker_registry import TestRegistry, run_registry
from job_runs import Runs
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.launch import DOCKER, launch_embedded_aws

TWELVE_HOURS = 12 * 3600
RULE = {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"}


@dataclass(frozen=True)
class EcrWorld:
    """An embedded AWS whose ECR has a registry, with one image pushed to ``team/tool``."""

    ecr: Any
    registry: TestRegistry
    runs: Runs
    digest: str
    host: str

    @property
    def image(self) -> str:
        """The image by digest."""
        return f"{self.host}/team/tool@{self.digest}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    with run_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def pushed(registry: TestRegistry) -> str:
    """An image of its own that the registry has and the engine has not, by digest."""
    with import_busybox(files={"etc/marker": "in the image\n", "etc/own": uuid.uuid4().hex}) as own:
        return registry.push(own.tag, "team/tool:1")


@pytest.fixture
def world(registry: TestRegistry, pushed: str) -> Iterator[EcrWorld]:
    with launch_embedded_aws(runner=DOCKER, registry=registry.access) as aws:
        ecr, batch, logs = (make_client(aws, each) for each in ("ecr", "batch", "logs"))
        ecr.create_repository(repositoryName="team/tool")
        digest, host = pushed.partition("@")[2], aws.registry_host
        world = EcrWorld(ecr, registry, Runs(aws, batch, logs), digest, host)
        yield world
        subprocess.run(["docker", "rmi", "--force", world.image], capture_output=True, check=False)


def read_token(ecr: Any) -> tuple[str, Any]:
    (datum,) = ecr.get_authorization_token()["authorizationData"]
    return base64.b64decode(datum["authorizationToken"]).decode(), datum


def ask(host: str, login: str) -> int:
    """The status with which a registry answers to a login."""
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    return urllib3.request("GET", f"http://{host}/v2/", headers=headers).status


def check_refusal(call: Any, code: str, **request: Any) -> None:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    assert refusal.value.response["Error"]["Code"] == code


@pytest.mark.docker
def test_the_token_opens_the_registry_for_twelve_hours(world: EcrWorld) -> None:
    token, datum = read_token(world.ecr)
    assert datum["proxyEndpoint"] == f"http://{world.host}"
    assert ask(world.host, token) == 200
    assert ask(world.host, f"AWS:{world.registry.password}") == 401
    assert abs(datum["expiresAt"].timestamp() - time.time() - TWELVE_HOURS) < 60


@pytest.mark.docker
def test_whoever_runs_the_registry_may_change_its_password(world: EcrWorld) -> None:
    token = read_token(world.ecr)[0]
    try:
        world.registry.change_password("another")
        assert ask(world.host, token) == 200
        job, log = world.runs.run("cat", "/etc/marker", container={"image": world.image})
        assert (job["status"], log) == ("SUCCEEDED", ["in the image"])
    finally:
        world.registry.change_password(world.registry.password)


@pytest.mark.docker
def test_a_job_pulls_by_digest_with_the_token(world: EcrWorld) -> None:
    for image in (world.image, f"{world.host}/team/tool:1"):
        job, log = world.runs.run("cat", "/etc/marker", container={"image": image})
        assert (job["status"], log) == ("SUCCEEDED", ["in the image"])
        subprocess.run(["docker", "rmi", image], capture_output=True, check=True)


@pytest.mark.docker
def test_without_the_token_the_pull_is_refused(world: EcrWorld) -> None:
    with launch_embedded_aws(runner=DOCKER) as stranger:
        batch, logs = make_client(stranger, "batch"), make_client(stranger, "logs")
        runs = Runs(stranger, batch, logs, world.image)
        job = runs.wait(runs.submit("true"))
    reason = job["attempts"][0]["container"]["reason"]
    assert reason.startswith("CannotPullContainerError: Error response from daemon: ")
    assert "no basic auth credentials" in reason


@pytest.mark.docker
def test_what_the_registry_lacks_is_not_found(world: EcrWorld) -> None:
    missing = f"{world.host}/team/tool@sha256:{'0' * 64}"
    job = world.runs.wait(world.runs.submit("true", container={"image": missing}))
    reason = job["attempts"][0]["container"]["reason"]
    assert reason.startswith("CannotPullContainerError: ")
    assert "not found" in reason or "manifest unknown" in reason


@pytest.mark.docker
def test_repositories_are_the_registrys(world: EcrWorld) -> None:
    made = world.ecr.create_repository(repositoryName="team/more")["repository"]
    assert made["repositoryUri"] == f"{world.host}/team/more"
    found = world.ecr.describe_repositories()["repositories"]
    assert {each["repositoryUri"] for each in found} == {
        f"{world.host}/team/{name}" for name in ("tool", "more")
    }
    check_refusal(
        world.ecr.create_repository,
        "RepositoryAlreadyExistsException",
        repositoryName="team/more",
    )


@pytest.mark.docker
def test_images_are_those_of_the_registry(world: EcrWorld) -> None:
    name = {"repositoryName": "team/tool"}
    by_tag, by_digest = {"imageTag": "1"}, {"imageDigest": world.digest}
    both = {**by_tag, **by_digest}
    assert world.ecr.list_images(**name)["imageIds"] == [both]
    for image_ids in ({}, {"imageIds": [by_tag]}, {"imageIds": [by_digest]}):
        (detail,) = world.ecr.describe_images(**name, **image_ids)["imageDetails"]
        assert (detail["imageDigest"], detail["imageTags"]) == (world.digest, ["1"])
        assert detail["imageSizeInBytes"] > 100_000
    answer = world.ecr.batch_get_image(**name, imageIds=[by_tag, {"imageTag": "2"}])
    assert answer["images"][0]["imageId"] == both
    assert '"layers"' in answer["images"][0]["imageManifest"]
    assert answer["failures"][0]["failureCode"] == "ImageNotFound"
    gone = {**name, "imageIds": [{"imageTag": "2"}]}
    check_refusal(world.ecr.describe_images, "ImageNotFoundException", **gone)
    removed = world.ecr.batch_delete_image(**name, imageIds=[by_tag])
    assert removed["imageIds"] == [both]
    assert world.ecr.list_images(**name)["imageIds"] == []
    check_refusal(world.ecr.list_images, "RepositoryNotFoundException", repositoryName="team/none")


@pytest.fixture
def plain_ecr(strict_aws: Any) -> Any:
    """ECR without a registry."""
    return make_client(strict_aws, "ecr")


def test_without_a_registry_tokens_are_valid_and_secret(plain_ecr: Any) -> None:
    token, datum = read_token(plain_ecr)
    assert token.startswith("AWS:")
    assert len(token) > 40
    assert datum["proxyEndpoint"] == "https://123456789012.dkr.ecr.us-east-1.amazonaws.com"
    assert datum["expiresAt"].timestamp() > time.time() + TWELVE_HOURS - 60


def test_pull_through_rules(plain_ecr: Any) -> None:
    assert plain_ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    plain_ecr.create_pull_through_cache_rule(**RULE)
    (found,) = plain_ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"]
    assert RULE.items() <= found.items()
    assert found["registryId"] == "123456789012"
    exists = "PullThroughCacheRuleAlreadyExistsException"
    check_refusal(plain_ecr.create_pull_through_cache_rule, exists, **RULE)
    plain_ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="quay")
    missing = "PullThroughCacheRuleNotFoundException"
    for call, request in (
        (plain_ecr.delete_pull_through_cache_rule, {"ecrRepositoryPrefix": "quay"}),
        (plain_ecr.describe_pull_through_cache_rules, {"ecrRepositoryPrefixes": ["quay"]}),
    ):
        check_refusal(call, missing, **request)


def test_account_settings(plain_ecr: Any) -> None:
    assert plain_ecr.get_account_setting(name="BLOB_MOUNTING")["value"] == "DISABLED"
    plain_ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    assert plain_ecr.get_account_setting(name="BLOB_MOUNTING")["value"] == "ENABLED"
    plain_ecr.put_account_setting(name="BLOB_MOUNTING", value="DISABLED")
    check_refusal(plain_ecr.get_account_setting, "InvalidParameterException", name="OTHER")
