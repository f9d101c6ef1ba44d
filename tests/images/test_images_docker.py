"""What Docker pushed, derived, run by Docker: by digest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_images import import_busybox
from docker_registry import TestRegistry
from image_kit import FakeEcr, Layer, make_head, make_layer, open_server
from tools import need_docker

from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.images.push import push_runtime

pytestmark = pytest.mark.docker

PROBE = "cat /etc/marker /batchx/note; id -u; pwd; echo $TOOL"


class Docker:
    """The docker command with logins of its own; removes the images that it made."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.images: list[str] = []

    def run(self, *arguments: str, is_checked: bool = True) -> str:
        command = ["docker", "--config", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not is_checked or done.returncode == 0, done.stderr
        return done.stdout if is_checked else done.stderr

    def push_busybox(self, image: str) -> None:
        """Make an image of busybox with an entrypoint, and push it."""
        changes = ('ENTRYPOINT ["/bin/false"]', "USER 1234", "WORKDIR /work", "ENV TOOL=busybox")
        with import_busybox(files={"etc/marker": "busybox\n"}, changes=changes) as made:
            self.run("tag", made.tag, image)
            self.images.append(image)
            self.run("push", image)


@pytest.fixture
def docker(tmp_path: Path, ecr_server: TestRegistry) -> Iterator[Docker]:
    need_docker()
    docker = Docker(write_config(tmp_path / "docker", ecr_server))
    yield docker
    docker.run("rmi", "--force", *docker.images, is_checked=False)


def write_config(folder: Path, *servers: TestRegistry) -> Path:
    """Make a folder for --config, logged in at the servers."""
    auths = {host: entry for server in servers for host, entry in server.login.items()}
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": auths}))
    return folder


@pytest.fixture
def note(tmp_path: Path) -> tuple[Layer, ...]:
    return (make_layer(tmp_path, "note.tar.gz", {"batchx/note": b"runtime\n"}),)


def test_a_derived_image_runs_by_digest(
    docker: Docker,
    ecr: FakeEcr,
    public_server: TestRegistry,
    note: tuple[Layer, ...],
    tmp_path: Path,
) -> None:
    source = f"{public_server.host}/hc/busybox:1"
    docker.push_busybox(source)
    docker.run("rmi", source)
    prepared = ImagePreparer(make_head(ecr).make_deliverer(note)).prepare(source, "Rule a")
    docker.images.append(prepared.image)
    out = docker.run("run", "--rm", prepared.image, "sh", "-c", PROBE)
    assert out.splitlines() == ["busybox", "runtime", "1234", "/work", "busybox"]

    # Docker's image store names what we derived as we do.
    (shown,) = json.loads(docker.run("image", "inspect", prepared.image))
    assert shown["RootFS"]["Layers"][-1] == note[0].diff_id
    assert not shown["Config"]["Entrypoint"]

    mounted = ImagePreparer(make_head(ecr).make_deliverer((), "mount")).prepare(source, "Rule a")
    docker.images.append(mounted.image)
    out = docker.run("run", "--rm", mounted.image, "sh", "-c", "cat /etc/marker")
    assert out == "busybox\n"

    # Without ECR's login the very same pull is refused.
    docker.run("rmi", "--force", prepared.image)
    stranger = Docker(write_config(tmp_path / "stranger"))
    assert "no basic auth credentials" in stranger.run("pull", prepared.image, is_checked=False)


def test_a_runtime_image_is_one_that_docker_pulls(
    docker: Docker, ecr: FakeEcr, note: tuple[Layer, ...]
) -> None:
    registry = open_server(ecr.server)
    retry = make_head(ecr).access.retry
    digest = push_runtime(registry, "batchx/runtime", note, "amd64", retry)
    assert push_runtime(registry, "batchx/runtime", note, "amd64", retry) == digest
    image = f"{ecr.server.host}/batchx/runtime@{digest}"
    docker.images.append(image)
    docker.run("pull", image)
