"""The way of an image on AWS: private in ECR, derived there, pulled by digest with ECR's token."""

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_images import import_busybox
from docker_registry import TestRegistry, run_registry
from runs import Run, Workspace, count_calls, make_workspace, run_command
from tools import need_docker

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    EmbeddedAws,
    launch_embedded_aws,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.together]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    """What stands for the account's ECR."""
    need_docker()
    with run_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def ecr_aws(registry: TestRegistry) -> Iterator[EmbeddedAws]:
    """An embedded AWS as AWS is: its hosts pull images with ECR's token and have no runtime."""
    with launch_embedded_aws(runner=DOCKER, registry=registry.access) as aws:
        yield aws


@pytest.fixture(scope="module")
def tool(registry: TestRegistry, ecr_aws: EmbeddedAws) -> str:
    """A private image with an ENTRYPOINT; its name by tag."""
    changes = ('ENTRYPOINT ["/bin/false"]', "ENV KEPT=yes")
    with import_busybox(files={"etc/batchx-image": "tool\n"}, changes=changes) as image:
        registry.push(image.tag, "me/tool:1")
    return f"{ecr_aws.registry_host}/me/tool:1"


def use_layers(runtime_cache: Path) -> dict[str, str]:
    """Return the variables of a head that brings the runtime, built already, in layers."""
    return {"SNAKEMAKE_BATCHX_RUNTIME": "layer", "XDG_CACHE_HOME": str(runtime_cache.parent)}


@pytest.fixture
def ecr_workspace(
    tmp_path: Path, ecr_aws: EmbeddedAws, runtime: Runtime, runtime_cache: Path
) -> Workspace:
    """An empty folder whose runs bring the runtime to images in the registry."""
    workspace = make_workspace(tmp_path, ecr_aws, use_layers(runtime_cache))
    workspace.allow(repositories=("me/*",))
    return workspace


def write_workflow(workspace: Workspace, *containers: str) -> None:
    rules = [
        f"rule r{number}:\n    output: 'r{number}.txt'\n    container: {container!r}\n"
        "    shell: 'cat /etc/batchx-image > {output}; echo $KEPT >> {output}'\n"
        for number, container in enumerate(containers)
    ]
    wanted = [f"r{number}.txt" for number in range(len(containers))]
    text = f"rule all:\n    input: {wanted}\n" + "".join(rules)
    (workspace.folder / "Snakefile").write_text(text)


def list_sentences(run: Run) -> list[str]:
    """Return what was said of rules, in their order."""
    lines = (line.removeprefix("Error: ") for line in run.output.splitlines())
    return sorted(line for line in lines if re.match(r"Rule r\d+: ", line))


def unpack_runtime(runtime: Runtime, folder: Path) -> Path:
    """Put the runtime where a host would have it, as docs/further.md says; return the place."""
    folder.mkdir()
    for layer in runtime.layers:
        subprocess.run(["tar", "-xzf", str(layer.path), "-C", str(folder)], check=True)
    return folder / "batchx"


def push_foreign_image(registry: TestRegistry, name: str, folder: Path) -> None:
    """Push an image that says it is for arm64."""
    with import_busybox() as image:
        archive = folder / "image.tar"
        subprocess.run(["docker", "save", "-o", str(archive), image.tag], check=True)
    foreign = f"{image.tag}-arm"
    with tarfile.open(archive) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    (manifest,) = json.loads(files["manifest.json"])
    config = json.loads(files[manifest["Config"]])
    files[manifest["Config"]] = json.dumps({**config, "architecture": "arm64"}).encode()
    files["manifest.json"] = json.dumps([{**manifest, "RepoTags": [foreign]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    subprocess.run(["docker", "load", "-i", str(archive)], check=True)
    try:
        registry.push(foreign, name)
    finally:
        subprocess.run(["docker", "rmi", foreign], check=True, capture_output=True)


def test_a_private_image_runs_with_the_runtime_in_a_layer(
    ecr_workspace: Workspace, registry: TestRegistry, tool: str
) -> None:
    write_workflow(ecr_workspace, f"docker://{tool}")
    run = ecr_workspace.snakemake()
    assert run.exit_code == 0, run.output
    assert (ecr_workspace.folder / "r0.txt").read_text() == "tool\nyes\n"
    jobs = [each["batch_job_id"] for each in ecr_workspace.read_journal("submitted")]
    (job,) = ecr_workspace.client("batch").describe_jobs(jobs=jobs)["jobs"]
    image = job["container"]["image"]
    assert image.startswith(f"{ecr_workspace.aws.registry_host}/batchx/127.0.0.1")
    assert "@sha256:" in image
    assert f"image {ecr_workspace.aws.registry_host}/me/tool@sha256:" in run.output
    assert "prepared" in run.output

    blobs = registry.count_blobs()
    again = ecr_workspace.snakemake("--forceall")
    assert again.exit_code == 0, again.output
    assert "prepared" not in again.output
    assert registry.count_blobs() == blobs


def test_an_image_that_a_lifecycle_rule_removed_is_derived_again(
    ecr_workspace: Workspace, registry: TestRegistry, tool: str
) -> None:
    write_workflow(ecr_workspace, tool)
    first = ecr_workspace.snakemake()
    assert first.exit_code == 0, first.output
    jobs = [each["batch_job_id"] for each in ecr_workspace.read_journal("submitted")]
    (job,) = ecr_workspace.client("batch").describe_jobs(jobs=jobs)["jobs"]
    repository = job["container"]["image"].partition("/")[2].partition("@")[0]
    registry.remove_images(repository)
    again = ecr_workspace.snakemake("--forceall")
    assert again.exit_code == 0, again.output
    assert "prepared" in again.output


def test_all_that_is_wrong_with_images_is_said_before_any_job(
    ecr_workspace: Workspace, registry: TestRegistry, tool: str, tmp_path: Path
) -> None:
    push_foreign_image(registry, "me/arm:1", tmp_path)
    host = ecr_workspace.aws.registry_host
    write_workflow(
        ecr_workspace,
        f"{host}/me/tool:2",
        f"{host}/me/tol:1",
        f"{host}/me/arm:1",
        "oras://ghcr.io/me/tool:1",
    )
    before = count_calls(ecr_workspace.aws).get("batch.SubmitJob", 0)
    run = ecr_workspace.snakemake()
    assert run.exit_code == 1
    assert count_calls(ecr_workspace.aws).get("batch.SubmitJob", 0) == before
    told = list_sentences(run)
    assert len(told) == 4, run.output
    assert all(sentence.startswith(f"Rule r{n}: ") for n, sentence in enumerate(told))
    assert f"{host}/me/tool:2" in told[0]
    assert f"{host}/me/tol:1" in told[1]
    assert "linux/arm64" in told[2]
    assert "linux/amd64" in told[2]
    assert "Singularity images" in told[3]


def test_a_job_whose_host_has_no_token_says_so(
    tmp_path: Path, registry: TestRegistry, runtime_cache: Path
) -> None:
    # The head has logged in with docker; the hosts that run the job have no token of ECR's.
    config = tmp_path / "docker"
    config.mkdir()
    (config / "config.json").write_text(json.dumps({"auths": registry.login}))
    with import_busybox() as image:
        registry.push(image.tag, "me/plain:1")
    with launch_embedded_aws(runner=DOCKER) as aws:
        workspace = make_workspace(tmp_path, aws, use_layers(runtime_cache))
        workspace.allow(repositories=("me/*",))
        write_workflow(workspace, f"{registry.host}/me/plain:1")
        extra = {"SNAKEMAKE_BATCHX_RUNTIME": "image", "DOCKER_CONFIG": str(config)}
        run = workspace.snakemake(environment=extra)
    assert run.exit_code == 1
    assert "may not be pulled or does not exist" in run.output
    assert "ecr:GetAuthorizationToken" in run.output
    assert registry.password not in run.output


def test_a_head_without_a_sound_token_says_so(
    tmp_path: Path, tool: str, registry: TestRegistry, runtime_cache: Path
) -> None:
    wrong = tmp_path / "wrong-password"
    wrong.write_text("not-the-password")
    access = type(registry.access)(registry.host, str(wrong))
    with launch_embedded_aws(runner=DOCKER, registry=access) as aws:
        workspace = make_workspace(tmp_path, aws, use_layers(runtime_cache))
        workspace.allow(repositories=("me/*",))
        image = f"{aws.registry_host}/me/tool:1"
        write_workflow(workspace, image)
        run = workspace.snakemake()
        assert count_calls(aws).get("batch.SubmitJob", 0) == 0
    assert run.exit_code == 1
    (sentence,) = list_sentences(run)
    assert image in sentence
    assert "not-the-password" not in run.output


def test_a_runtime_that_hosts_have_is_mounted(
    ecr_workspace: Workspace, registry: TestRegistry, tool: str, runtime: Runtime
) -> None:
    # The image has an ENTRYPOINT, and a definition of the user's own names it, too.
    place = unpack_runtime(runtime, ecr_workspace.folder.parent / "host")
    definition = f"theirs-{ecr_workspace.folder.parent.name}"
    ecr_workspace.client("batch").register_job_definition(
        jobDefinitionName=definition,
        type="container",
        containerProperties={
            "image": tool,
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "700"},
            ],
            "environment": [{"name": "KEPT", "value": "by the definition"}],
        },
    )
    write_workflow(ecr_workspace, tool, f"job-definition://{definition}")
    way = {"SNAKEMAKE_BATCHX_RUNTIME": f"mount:{place}"}
    run = ecr_workspace.snakemake(environment=way)
    assert run.exit_code == 0, run.output
    assert (ecr_workspace.folder / "r0.txt").read_text() == "tool\nyes\n"
    assert (ecr_workspace.folder / "r1.txt").read_text() == "tool\nby the definition\n"
    assert "1 vCPU, 700 MiB" in run.output


def test_a_login_in_secrets_manager_opens_a_registry_that_is_not_ecr(
    ecr_workspace: Workspace, ecr_aws: EmbeddedAws, runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with run_registry(tmp_path / "other") as other, import_busybox() as image:
        other.push(image.tag, "lab/tool:1")
        secret = ecr_workspace.client("secretsmanager").create_secret(
            Name=f"login-{tmp_path.name}",
            SecretString=json.dumps({"username": other.user, "password": other.password}),
        )
        login = f"{other.host}={secret['ARN']}"
        ecr_workspace.allow(logins=(secret["ARN"],), execution_roles=(ecr_aws.execution_role_arn,))
        place = unpack_runtime(runtime, tmp_path / "host")
        found = {}
        for way in ("layer", f"mount:{place}"):
            write_workflow(ecr_workspace, f"{other.host}/lab/tool:1")
            snakefile = ecr_workspace.folder / "Snakefile"
            snakefile.write_text(
                snakefile.read_text().replace("cat /etc/batchx-image", "echo tool")
            )
            run = ecr_workspace.snakemake(
                *("--forceall", "--batchx-registry-credentials", login),
                *("--batchx-execution-role", ecr_aws.execution_role_arn),
                environment={"SNAKEMAKE_BATCHX_RUNTIME": way},
            )
            assert run.exit_code == 0, run.output
            assert other.password not in run.output
            batch = ecr_workspace.client("batch")
            intent = ecr_workspace.read_journal("intent")[-1]
            answer = batch.describe_job_definitions(jobDefinitions=[intent["definition"]])
            (definition,) = answer["jobDefinitions"]
            found[way.partition(":")[0]] = definition["containerProperties"]
    # What was derived lies in ECR, where the login is none.
    assert "repositoryCredentials" not in found["layer"]
    assert found["mount"]["image"].startswith(f"{other.host}/lab/tool@sha256:")
    assert found["mount"]["repositoryCredentials"] == {"credentialsParameter": secret["ARN"]}


def test_a_pushed_runtime_is_used_as_it_is(
    ecr_workspace: Workspace, tool: str, tmp_path: Path
) -> None:
    program = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"
    push = [sys.executable, "-c", program, "runtime", "push"]
    pushed = run_command(push, ecr_workspace.folder, ecr_workspace.environment, 120)
    assert pushed.exit_code == 0, pushed.output
    image = pushed.output.splitlines()[-1]
    write_workflow(ecr_workspace, tool)
    cache = tmp_path / "cache"
    elsewhere = {"SNAKEMAKE_BATCHX_RUNTIME_IMAGE": image, "XDG_CACHE_HOME": str(cache)}
    run = ecr_workspace.snakemake(environment=elsewhere)
    assert not (cache / "batchx").exists(), "a runtime was built here"
    assert run.exit_code == 0, run.output
    assert (ecr_workspace.folder / "r0.txt").read_text() == "tool\nyes\n"
