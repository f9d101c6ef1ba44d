"""Images of a real Docker engine: found by name, by digest, rid of an ENTRYPOINT, or refused."""

import subprocess
from collections.abc import Iterator

import pytest
from docker_images import import_busybox
from docker_registry import TestRegistry
from tools import need_docker

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential
from snakemake_executor_plugin_batchx.images.docker_engine import DockerEngine, open_docker_engine
from snakemake_executor_plugin_batchx.images.engine import TWIN_CHARACTERS, EngineImages
from snakemake_executor_plugin_batchx.plan.image import ImageNeed

pytestmark = pytest.mark.docker

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:quay"


def refuse_login(arn: str) -> Credential:
    raise AssertionError(f"nobody needs {arn}")


@pytest.fixture(scope="module")
def engine() -> DockerEngine:
    need_docker()
    return open_docker_engine()


@pytest.fixture
def image(engine: DockerEngine) -> Iterator[str]:
    """An image with an ENTRYPOINT and variables, of this test alone."""
    changes = ['ENTRYPOINT ["/bin/sh", "-c"]', "ENV LD_PRELOAD=/lib/mine.so A=b", "USER 1000"]
    with import_busybox(changes=changes) as made:
        yield made.tag
        twin = f"batchx-local:{made.identifier.removeprefix('sha256:')[:TWIN_CHARACTERS]}"
        subprocess.run(["docker", "rmi", "-f", twin], check=True, capture_output=True)


def test_an_entrypoint_is_cleared_in_a_twin(engine: DockerEngine, image: str) -> None:
    theirs = engine.inspect_image(image)
    assert theirs
    said: list[str] = []
    images = EngineImages(engine, said.append, refuse_login)
    found = images.provide(ImageNeed(f"docker://{image}"), "Rule a")
    twin = engine.inspect_image(found.image)
    assert twin
    assert (theirs.entrypoint, twin.entrypoint) == (("/bin/sh", "-c"), ())
    assert found.base == f"{image}@{theirs.image_id}"
    assert found.environment == {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/lib/mine.so"}
    others = EngineImages(engine, said.append, refuse_login)
    assert others.provide(ImageNeed(image), "Rule b") == found
    assert said == []
    command = ["docker", "run", "--rm", "--env", "LD_PRELOAD=:", found.image]
    assert subprocess.check_output([*command, "sh", "-c", "echo $A"], text=True) == "b\n"


def test_a_missing_image_is_one_sentence(engine: DockerEngine) -> None:
    said: list[str] = []
    images = EngineImages(engine, said.append, refuse_login)
    with pytest.raises(BatchxError) as caught:
        images.provide(ImageNeed("127.0.0.1:1/no/such:1"), "Rule a")
    words = str(caught.value)
    assert words.startswith("Rule a: image 127.0.0.1:1/no/such:1 is not in this machine's Docker")
    assert words.endswith("`docker pull 127.0.0.1:1/no/such:1` must succeed.")
    assert said == ["Docker fetches 127.0.0.1:1/no/such:1."]


def test_a_private_image_is_fetched_with_the_login_in_a_secret(
    engine: DockerEngine, private_server: TestRegistry
) -> None:
    with import_busybox(files={"etc/marker": "private\n"}) as made:
        image = private_server.push(made.tag, "engine/busybox:1")
    asked: list[str] = []

    def read_login(arn: str) -> Credential:
        asked.append(arn)
        return Credential(private_server.user, private_server.password)

    images = EngineImages(engine, print, read_login)
    elsewhere = ImageNeed(image, credentials=(("quay.io", ARN),))
    with pytest.raises(BatchxError, match=r"^Rule a: image 127\.0\.0\.1:.* cannot be fetched"):
        images.provide(elsewhere, "Rule a")
    assert asked == []
    found = images.provide(ImageNeed(image, credentials=((private_server.host, ARN),)), "Rule a")
    assert asked == [ARN]
    assert found.base == image
    subprocess.run(["docker", "rmi", found.image], check=True, capture_output=True)
