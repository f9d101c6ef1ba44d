"""`batchx image` against the embedded AWS, whose ECR is a real registry."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from docker_registry import TestRegistry, run_registry
from images.image_kit import make_layer, open_server, push_image

from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.push import push_runtime_image
from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)
from snakemake_executor_plugin_batchx.registry_images import open_access
from snakemake_executor_plugin_batchx.runtime.interpreter import inspect_machine

MAIN = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"

OTHER = "amd64" if inspect_machine().architecture == "arm64" else "arm64"
FOREIGN = ["prepare", "x", "--architecture", OTHER, "--runtime-image", ""]
"""What this machine cannot build a runtime for."""

SNAKEFILE = """
container: "docker://{host}/tools/one:1"
rule all:
    input: "a", "b", "c"
rule a:
    output: "a"
    shell: "touch {{output}}"
rule b:
    output: "b"
    container: "docker://{host}/tools/gone:1"
    shell: "touch {{output}}"
rule c:
    output: "{{name}}.c"
    container: "docker://{host}/tools/{{name}}:1"
    shell: "touch {{output}}"
"""


@dataclass(frozen=True)
class Account:
    """An embedded AWS with images in its ECR, and the command that works there."""

    aws: EmbeddedAws
    registry: TestRegistry
    runtime_image: str
    folder: Path

    def run(
        self, *arguments: str, is_in_aws: bool = True, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command, with `more` environment variables."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SNAKEMAKE_"))}
        environment = {
            **kept,
            **(make_environment(self.aws) if is_in_aws else {"HOME": str(self.folder)}),
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_CONFIG": str(self.folder),
            "SNAKEMAKE_BATCHX_RUNTIME_IMAGE": self.runtime_image,
            **more,
        }
        return subprocess.run(
            [sys.executable, "-c", MAIN, "image", *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    storage = tmp_path_factory.mktemp("registry")
    with run_registry(storage) as registry, launch_embedded_aws(registry=registry.access) as aws:
        client = open_server(registry)
        for name, text in (("one", b"1"), ("two", b"2")):
            layer = make_layer(folder, f"{name}.tar.gz", {"etc/name": text})
            push_image(client, f"tools/{name}", "1", [layer], {"Entrypoint": ["/x"]})
        runtime = make_layer(folder, "runtime.tar.gz", {"batchx/x": b"x"})

        def make_client(region: str) -> object:
            return boto3.client(
                "ecr",
                region,
                endpoint_url=aws.endpoint_url,
                aws_access_key_id=aws.access_key_id,
                aws_secret_access_key=aws.secret_access_key,
            )

        access = open_access(make_client, aws.region)
        said: list[str] = []
        image = push_runtime_image(access, Destination(), [runtime], "amd64", said.append)
        assert said == []
        yield Account(aws, registry, image, folder)


def read_table(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_images_are_prepared_once_and_listed(account: Account) -> None:
    assert account.runtime_image.startswith(f"{account.aws.registry_host}/batchx/runtime@sha256:")
    host = account.aws.registry_host
    names = [f"docker://{host}/tools/one:1", f"{host}/tools/two:1"]
    first = account.run("prepare", *names)
    assert first.returncode == 0, first.stderr
    rows = read_table(first)
    assert [row[0] for row in rows] == names
    assert [row[2] for row in rows] == ["prepared", "prepared"]
    place = f"{host}/batchx/{host.replace(':', '-')}/tools"
    assert rows[0][1].startswith(f"{place}/one@sha256:")
    assert "mounted" in first.stderr

    again = account.run("prepare", *names)
    assert [row[1:] for row in read_table(again)] == [[row[1], "there already"] for row in rows]
    assert again.stderr == ""

    listed = account.run("list")
    assert listed.returncode == 0, listed.stderr
    assert [f"{place}/{name}:bx-" in listed.stdout for name in ("one", "two")] == [True, True]


def test_a_snakefiles_images_are_prepared_and_each_failure_told(account: Account) -> None:
    (account.folder / "Snakefile").write_text(SNAKEFILE.format(host=account.aws.registry_host))
    done = account.run("prepare", "Snakefile", "--repository", "mine/")
    assert done.returncode == 1
    (row,) = read_table(done)
    assert row[1].startswith(f"{account.aws.registry_host}/mine/")
    assert "Snakefile: the images of c depend on their jobs" in done.stderr
    failure = f"batchx: Rule b: There is no image {account.aws.registry_host}/tools/gone:1: "
    assert failure in done.stderr
    assert "Traceback" not in done.stderr


MAPPED = """
rule all:
    input: "a", "b", "c"
rule a:
    output: "a"
    container: "docker://{host}/lab/bwa:0.7.17"
    shell: "touch {{output}}"
rule b:
    output: "b"
    container: "docker://{host}/tools/two:1"
    shell: "touch {{output}}"
rule c:
    output: "c"
    container: "docker://{host}/lab/bwa:0.7.17"
    shell: "touch {{output}}"
"""
MODULE_MAP = """
modules:
  - rule: c
    definition: theirs
  - container: "*/bwa"
    image: "{host}/tools/one:1"
"""


@pytest.mark.parametrize("is_option", [True, False])
def test_a_snakefiles_rules_get_the_images_of_the_sites_map(
    account: Account, is_option: bool
) -> None:
    host = account.aws.registry_host
    (account.folder / "Mapped").write_text(MAPPED.format(host=host))
    (account.folder / "tools.yaml").write_text(MODULE_MAP.format(host=host))
    given = ["--module-map", "tools.yaml"] if is_option else []
    environment = {} if is_option else {"SNAKEMAKE_BATCHX_MODULE_MAP": "tools.yaml"}
    repository = f"mapped-{is_option}/".lower()
    arguments = ("prepare", "Mapped", "--repository", repository, *given)
    done = account.run(*arguments, **environment)
    assert done.returncode == 0, done.stderr
    rows = read_table(done)
    assert [row[0] for row in rows] == [f"{host}/tools/one:1", f"docker://{host}/tools/two:1"]
    assert [row[2] for row in rows] == ["prepared", "prepared"]
    # A definition's image is known when a run asks for it.
    assert "Mapped: the images of c depend on their jobs" in done.stderr


def test_without_the_map_the_rules_images_count(account: Account) -> None:
    host = account.aws.registry_host
    (account.folder / "Mapped").write_text(MAPPED.format(host=host))
    done = account.run("prepare", "Mapped", "--repository", "unmapped/")
    assert done.returncode == 1
    assert [row[0] for row in read_table(done)] == [f"docker://{host}/tools/two:1"]
    assert f"Rules a, c: There is no image {host}/lab/bwa:0.7.17" in done.stderr


def test_mount_needs_no_runtime(account: Account) -> None:
    done = account.run("prepare", "--mount", f"{account.aws.registry_host}/tools/one:1")
    assert (done.returncode, read_table(done)[0][2]) == (0, "prepared")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prepare", "Broken"], "Broken cannot be parsed"),
        (["prepare", "Empty"], "Empty names no container"),
        (["prepare", "x", "--repository", "Mine"], "--batchx-repository 'Mine' is not valid"),
        (["prepare", "x", "--runtime-image", "X Y"], "--batchx-runtime-image: container 'X Y'"),
        (["prepare", "x", "--architecture", "arm64"], "no image for linux/arm64"),
        (FOREIGN, f"The job runtime for {OTHER} cannot be built on this machine"),
        (FOREIGN, "name its image by --runtime-image"),
        (["prepare", "x", "--module-map", "gone.yaml"], "-module-map 'gone.yaml' cannot be read"),
        (["prepare", "tool.sif"], "Image tool.sif: container 'tool.sif' is not in a registry"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    account: Account, arguments: Sequence[str], words: str
) -> None:
    (account.folder / "Broken").write_text("rule x\n")
    (account.folder / "Empty").write_text("rule x:\n    output: 'x'\n    shell: 'touch x'\n")
    done = account.run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_credentials_nothing_is_asked(account: Account) -> None:
    done = account.run("list", "--region", "eu-west-1", is_in_aws=False)
    assert done.returncode == 1
    assert "No AWS credentials were found" in done.stderr
    assert "local" not in done.stderr
