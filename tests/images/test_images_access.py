"""Which login a registry gets: that of a secret where one was named, else the user's own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from docker_registry import TestRegistry
from image_kit import FakeEcr, Layer, make_head, open_server, push_image

from snakemake_executor_plugin_batchx.batch.sibling_images import SiblingImages
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential
from snakemake_executor_plugin_batchx.images.deliver import Way
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.plan.image import ImageNeed
from snakemake_executor_plugin_batchx.registry_images import RegistryImages

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:quay"
OTHER = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other"

Layers = tuple[Layer, ...]


class Logins:
    """Secrets that hold one server's login; `read` are their ARNs as they were read."""

    def __init__(self, server: TestRegistry, password: str = "") -> None:
        self.credential = Credential(server.user, password or server.password)
        self.read: list[str] = []

    def read_login(self, arn: str) -> Credential:
        self.read.append(arn)
        return self.credential


def test_a_registry_is_read_with_the_login_in_a_secret(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers
) -> None:
    digest = push_image(open_server(private_server), "access/tool", "1", base_layers)
    access, logins = make_head(ecr).access, Logins(private_server)
    host = private_server.host
    with pytest.raises(RegistryError):
        access.open(host).read_manifest("access/tool", "1")
    access.use_login(host, ARN, logins.read_login)
    assert logins.read == []
    assert access.open(host).read_manifest("access/tool", "1").digest == digest
    assert set(logins.read) == {ARN}


def test_the_secret_counts_over_what_docker_has_logged_in_to(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers
) -> None:
    push_image(open_server(private_server), "access/own", "1", base_layers)
    access = make_head(ecr, private_server).access
    wrong = Logins(private_server, "wrong")
    access.use_login(private_server.host, ARN, wrong.read_login)
    with pytest.raises(RegistryError):
        access.open(private_server.host).read_manifest("access/own", "1")
    assert set(wrong.read) == {ARN}


def test_a_secret_is_read_once_for_many_requests(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers
) -> None:
    push_image(open_server(private_server), "access/many", "1", base_layers)
    access, logins = make_head(ecr).access, Logins(private_server)
    access.use_login(private_server.host, ARN, logins.read_login)
    for _ in range(3):
        access.open(private_server.host).read_manifest("access/many", "1")
    assert logins.read == [ARN]


def test_a_registry_that_was_opened_stays_open_with_the_same_secret(
    private_server: TestRegistry, ecr: FakeEcr
) -> None:
    access, logins = make_head(ecr).access, Logins(private_server)
    access.use_login(private_server.host, ARN, logins.read_login)
    opened = access.open(private_server.host)
    access.use_login(private_server.host, ARN, logins.read_login)
    assert access.open(private_server.host) is opened


def test_two_secrets_for_one_registry_are_refused(
    private_server: TestRegistry, ecr: FakeEcr
) -> None:
    access, logins = make_head(ecr).access, Logins(private_server)
    access.use_login("quay.io", ARN, logins.read_login)
    with pytest.raises(BatchxError) as caught:
        access.use_login("quay.io", OTHER, logins.read_login)
    assert str(caught.value) == (
        f"Two secrets are named with a login for registry quay.io, {ARN} and {OTHER}: keep one."
    )
    access.use_login("ghcr.io", OTHER, logins.read_login)
    assert logins.read == []


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_is_one_registry_whatever_it_is_called(
    private_server: TestRegistry, ecr: FakeEcr, name: str
) -> None:
    access, logins = make_head(ecr).access, Logins(private_server)
    access.use_login(name, ARN, logins.read_login)
    with pytest.raises(BatchxError, match=r"a login for registry registry-1\.docker\.io"):
        access.use_login("docker.io", OTHER, logins.read_login)


@pytest.mark.parametrize(("way", "login_of_job"), [("layer", None), ("image", ARN)])
def test_an_image_of_a_definition_is_read_with_the_definitions_login(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, way: Way, login_of_job: str
) -> None:
    image = f"{private_server.host}/access/theirs:1"
    push_image(open_server(private_server), "access/theirs", "1", base_layers[:1])
    container = {"image": image, "repositoryCredentials": {"credentialsParameter": ARN}}
    found = {"type": "container", "containerProperties": container}
    definitions = SimpleNamespace(describe_definition=lambda _: found)
    head, logins = make_head(ecr), Logins(private_server)
    deliverer = head.make_deliverer(base_layers[1:], way)
    images = RegistryImages(head.access, lambda _: ImagePreparer(deliverer), logins.read_login)
    need = ImageNeed("job-definition://theirs")
    provided = SiblingImages(images, definitions).provide(need, "Rule a")
    assert logins.read == [ARN]
    # What is derived lies in ECR; only what stays where it was is pulled with the login.
    assert provided.credentials == login_of_job
    assert provided.image.startswith(private_server.host) == bool(login_of_job)
    assert "repositoryCredentials" not in provided.container


def test_a_secret_that_holds_no_login_is_told(private_server: TestRegistry, ecr: FakeEcr) -> None:
    def refuse(arn: str) -> Credential:
        raise BatchxError(f"Secret {arn} does not hold a registry's login.")

    access = make_head(ecr).access
    access.use_login(private_server.host, ARN, refuse)
    with pytest.raises(BatchxError, match=f"^Secret {ARN} does not hold a registry's login"):
        access.open(private_server.host).read_manifest("access/tool", "1")
