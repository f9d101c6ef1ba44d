"""A detached run as on AWS: the head in a bare image, which derives the images of its rules."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from detached_runs import Detached, wait_for
from docker_images import import_busybox
from docker_registry import TestRegistry, run_registry
from runs import make_workspace
from tools import need_docker

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    EmbeddedAws,
    launch_embedded_aws,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime

pytestmark = [pytest.mark.docker, pytest.mark.slow]

IMAGES = ("first", "second")

SNAKEFILE = """
    rule all:
        input: "second.txt"
    rule first:
        output: "first.txt"
        container: "docker://HOST/me/first:1"
        shell: "cat /etc/batchx-image > {output}; sleep 6"
    rule second:
        input: "first.txt"
        output: "second.txt"
        container: "docker://HOST/me/second:1"
        shell: "cat {input} /etc/batchx-image > {output}"
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    """What stands for the account's ECR."""
    need_docker()
    with run_registry(tmp_path_factory.mktemp("registry")) as running:
        for name in IMAGES:
            with import_busybox(files={"etc/batchx-image": f"{name}\n"}) as image:
                running.push(image.tag, f"me/{name}:1")
        yield running


@pytest.fixture(scope="module")
def ecr_aws(registry: TestRegistry) -> Iterator[EmbeddedAws]:
    """An embedded AWS whose hosts pull images with ECR's token and have no runtime."""
    options = {"vcpus": 8, "memory_mib": 50_000}
    with launch_embedded_aws(runner=DOCKER, registry=registry.access, **options) as aws:
        yield aws


def test_a_head_whose_container_is_killed_goes_on(
    tmp_path: Path, ecr_aws: EmbeddedAws, runtime: Runtime, runtime_cache: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "batchx").symlink_to(runtime_cache)
    layers = {"SNAKEMAKE_BATCHX_RUNTIME": "layer", "XDG_CACHE_HOME": str(cache)}
    detached = Detached(make_workspace(tmp_path, ecr_aws, layers))
    detached.workspace.allow(repositories=("me/*",))
    host = ecr_aws.registry_host
    detached.workspace.write(Snakefile=SNAKEFILE.replace("HOST", host))
    began = detached.start(options=["--image", f"{host}/me/first:1"])
    assert began.exit_code == 0, began.output
    wait_for(lambda: detached.list_jobs("RUNNING"))
    kill_container(detached.note.detached_id)
    attached = detached.batchx("run", "attach")
    assert attached.exit_code == 0, attached.output
    assert (detached.folder / "second.txt").read_text() == "first\nsecond\n"
    assert len(detached.describe_head()["attempts"]) == 2
    jobs = detached.list_jobs("SUCCEEDED")
    assert sorted(job["jobName"].split("-")[1] for job in jobs) == ["first", "second"]
    assert "Nothing to be done" in detached.workspace.snakemake("-n").output


def kill_container(detached_id: str) -> None:
    form = "{{.ID}} {{.Command}}"
    listed = subprocess.run(
        ["docker", "ps", "--no-trunc", "--format", form], capture_output=True, text=True, check=True
    )
    (line,) = [each for each in listed.stdout.splitlines() if f"/detached/{detached_id}" in each]
    subprocess.run(["docker", "kill", line.split()[0]], capture_output=True, check=True)
