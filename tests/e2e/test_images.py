"""Rules in real containers: each in its image, as it is, whatever the image holds or sets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import Workspace
from tool_images import provide_image
from tools import need_docker, need_program

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
    make_environment,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

IMAGES = ("busybox", "musl", "entrypoint", "user", "python39", "python313", "r", "hostile")


@pytest.fixture(scope="module")
def docker_aws(runtime: Runtime) -> Iterator[EmbeddedAws]:
    """An embedded AWS whose jobs run in containers."""
    need_docker()
    need_program("debootstrap", "busybox", "musl-gcc", "gcc")
    trees = RuntimeTrees(str(runtime.base_tree), str(runtime.own_tree))
    with launch_embedded_aws(runner=DOCKER, runtime=trees) as aws:
        yield aws


@pytest.fixture
def docker_workspace(tmp_path: Path, docker_aws: EmbeddedAws) -> Workspace:
    """An empty folder whose jobs run in containers of this machine."""
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {
        **make_environment(docker_aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": docker_aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{docker_aws.bucket}/{tmp_path.name}",
        "HOME": str(tmp_path),
    }
    return Workspace(folder, docker_aws, environment)


WORKFLOW = """
IMAGES = {images}

rule all:
    input: expand("out/{{image}}.txt", image=IMAGES), "out/by-resource.txt", "out/by-default.txt"

rule shell:
    output: "out/{{image}}.txt"
    wildcard_constraints: image="busybox|musl|entrypoint|user"
    container: lambda wildcards: "docker://" + IMAGES[wildcards.image]
    shell:
        "cat /etc/batchx-image > {{output}}; id -u >> {{output}}; "
        "if [ -e /bin/say-hello ]; then say-hello; else echo none; fi >> {{output}}"

rule python39:
    output: "out/python39.txt"
    container: IMAGES["python39"]
    script: "scripts/tell.py"

rule python313:
    output: "out/python313.txt"
    container: IMAGES["python313"]
    shadow: "minimal"
    script: "scripts/tell.py"

rule r:
    output: "out/r.txt"
    params: greeting="salut"
    container: "docker://" + IMAGES["r"]
    script: "scripts/tell.R"

rule hostile:
    output: "out/hostile.txt"
    container: IMAGES["hostile"]
    script: "scripts/tell.sh"

rule by_resource:
    output: "out/by-resource.txt"
    container: IMAGES["busybox"]
    resources: batchx_image=IMAGES["python39"]
    script: "scripts/tell.py"

rule by_default:
    output: "out/by-default.txt"
    script: "scripts/tell.py"
"""

PYTHON_SCRIPT = """
import sys
from pathlib import Path
from helper import HELP
marker = Path("/etc/batchx-image").read_text().strip()
version = ".".join(map(str, sys.version_info[:2]))
Path(snakemake.output[0]).write_text(
    f"{marker} {version} {sys.executable} {HELP} {snakemake.rule}\\n"
)
"""

R_SCRIPT = """
marker <- readLines("/etc/batchx-image")
writeLines(paste(marker, snakemake@params[["greeting"]], R.version$major), snakemake@output[[1]])
"""

BASH_SCRIPT = """
{
  cat /etc/batchx-image
  echo "$PYTHONHOME $PYTHONPATH $LD_LIBRARY_PATH $LANG $PRELOADED"
  echo "${snakemake[rule]} ${BATCHX_IMAGE_LD_PRELOAD-unset}"
} > "${snakemake_output[0]}"
"""


def write_workflow(workspace: Workspace, images: dict[str, str]) -> None:
    scripts = workspace.folder / "scripts"
    scripts.mkdir()
    (scripts / "tell.py").write_text(PYTHON_SCRIPT)
    (scripts / "helper.py").write_text('HELP = "helped"\n')
    (scripts / "tell.R").write_text(R_SCRIPT)
    (scripts / "tell.sh").write_text(BASH_SCRIPT)
    (workspace.folder / "Snakefile").write_text(WORKFLOW.format(images=repr(images)))


def test_each_rule_runs_in_its_image(docker_workspace: Workspace) -> None:
    images = {name: provide_image(name) for name in IMAGES}
    write_workflow(docker_workspace, images)
    run = docker_workspace.snakemake("--container-image", images["python313"])
    assert run.exit_code == 0, run.output
    out = docker_workspace.folder / "out"
    told = {path.stem: path.read_text() for path in out.iterdir()}
    assert told == {
        "busybox": "busybox\n0\nnone\n",
        "musl": "musl\n0\nmusl says hello\n",
        "entrypoint": "entrypoint\n0\nnone\n",
        "user": "user\n1000\nnone\n",
        "python39": "python39 3.9 /usr/bin/python3 helped python39\n",
        "python313": "python313 3.13 /usr/bin/python3 helped python313\n",
        "r": "r salut 4\n",
        "hostile": "hostile\n/hostile /hostile /hostile xx_YY.ISO-8859-1 yes\nhostile unset\n",
        "by-resource": "python39 3.9 /usr/bin/python3 helped by_resource\n",
        "by-default": "python313 3.13 /usr/bin/python3 helped by_default\n",
    }
    for name in IMAGES:
        assert f"image {images[name]}@sha256:" in run.output
    definitions = docker_workspace.client("batch").describe_job_definitions(status="ACTIVE")
    named = [each["containerProperties"]["image"] for each in definitions["jobDefinitions"]]
    assert all(name.startswith("sha256:") for name in named)
