"""Images of a real Docker engine: found by name, by digest, rid of an ENTRYPOINT, or refused."""

import subprocess
from collections.abc import Iterator

import pytest
from docker_images import import_busybox
from tools import need_docker

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.docker_engine import DockerEngine, open_docker_engine
from snakemake_executor_plugin_batchx.images.engine import TWIN_CHARACTERS, EngineImages

pytestmark = pytest.mark.docker


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
    found = EngineImages(engine, said.append).provide(f"docker://{image}", "Rule a")
    twin = engine.inspect_image(found.image)
    assert twin
    assert (theirs.entrypoint, twin.entrypoint) == (("/bin/sh", "-c"), ())
    assert found.base == f"{image}@{theirs.image_id}"
    assert found.environment == {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/lib/mine.so"}
    assert EngineImages(engine, said.append).provide(image, "Rule b") == found
    assert said == []
    command = ["docker", "run", "--rm", "--env", "LD_PRELOAD=:", found.image]
    assert subprocess.check_output([*command, "sh", "-c", "echo $A"], text=True) == "b\n"


def test_a_missing_image_is_one_sentence(engine: DockerEngine) -> None:
    said: list[str] = []
    with pytest.raises(BatchxError) as caught:
        EngineImages(engine, said.append).provide("127.0.0.1:1/no/such:1", "Rule a")
    words = str(caught.value)
    assert words.startswith("Rule a: image 127.0.0.1:1/no/such:1 is not in this machine's Docker")
    assert words.endswith("`docker pull 127.0.0.1:1/no/such:1` must succeed.")
    assert said == ["Docker fetches 127.0.0.1:1/no/such:1."]
