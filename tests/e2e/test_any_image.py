"""Rules in real containers: each in its image, as it is, whatever the image holds or sets."""

import hashlib

import pytest
from runs import Workspace
from tool_images import HELD_ENVIRONMENT, provide_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

IMAGES = ("busybox", "musl", "entrypoint", "user", "python39", "python313", "r", "hostile")


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


CONDA_WORKFLOW = """
rule all:
    input: "conda.txt", "contained.txt"

rule conda:
    output: "conda.txt"
    container: "{conda}"
    conda: "env.yaml"
    shell: "tool > {{output}}; echo $CONDA_PREFIX >> {{output}}"

rule contained:
    output: "contained.txt"
    containerized: "{conda}"
    conda: "held.yaml"
    shell: "tool > {{output}}; echo $CONDA_PREFIX >> {{output}}"
"""


def test_conda_works_inside_an_image(docker_workspace: Workspace) -> None:
    # tests/e2e/tools/conda stands in for conda there; the image holds an environment of its own.
    workspace = docker_workspace
    workspace.write(
        Snakefile=CONDA_WORKFLOW.format(conda=provide_image("conda")),
        env__yaml="dependencies: [made-here]\n",
        held__yaml=HELD_ENVIRONMENT,
    )
    run = workspace.snakemake("--sdm", "conda")
    assert run.exit_code == 0, run.output
    made, prefix = (workspace.folder / "conda.txt").read_text().splitlines()
    assert made == "dependencies: [made-here]"
    assert "batchx-conda-" in prefix
    held, prefix = (workspace.folder / "contained.txt").read_text().splitlines()
    assert held == "the image's own"
    assert prefix == f"/conda-envs/{hashlib.md5(HELD_ENVIRONMENT.encode()).hexdigest()}"


FAILING = """
rule exits:
    output: "exits.txt"
    container: "{python39}"
    shell: "echo about to fail; exit 3"

rule starves:
    output: "starves.txt"
    container: "{python39}"
    resources: mem_mb=100
    shell: "python3 -c 'bytearray(900 * 2**20)'"

rule writes_elsewhere:
    output: "elsewhere.txt"
    container: "{user}"
    shell: "echo x > /etc/forbidden && echo y > {{output}}"

rule old_python:
    output: "old.txt"
    container: "{python39}"
    params: 1
    script: "tell.py"

rule lacks_python:
    output: "lacks.txt"
    container: "{busybox}"
    script: "tell.py"
"""


def test_failures_in_images_are_told_truly(docker_workspace: Workspace) -> None:
    workspace = docker_workspace
    images = {name: provide_image(name) for name in ("python39", "user", "busybox")}
    workspace.write(Snakefile=FAILING.format(**images), tell__py="snakemake.params[0]\n")
    targets = ("exits.txt", "starves.txt", "elsewhere.txt", "lacks.txt", "old.txt")
    run = workspace.snakemake("--keep-going", *targets)
    assert run.exit_code == 1
    verdicts = {each["kind"]: each for each in workspace.read_journal("verdict")}
    assert "its command ended with exit code 3" in run.output
    assert "about to fail" in run.output
    assert "its limit of 352 MiB (measured peak: 3" in run.output
    assert "Raise mem_mb of the rule." in run.output
    assert verdicts["memory"]["usage"]["oom_kills"] == 1
    assert verdicts["memory"]["usage"]["peak_memory_mib"] > 300
    assert "/etc/forbidden" in run.output
    assert "of rule old_python failed, and its image's Python is 3.9" in run.output
    assert "this rule's script needs Python, and its image has none" in run.output


def test_an_image_without_a_shell_is_told(docker_workspace: Workspace) -> None:
    name = provide_image("shell-less")
    docker_workspace.write(
        Snakefile=f"""
        rule one:
            output: "one.txt"
            container: "{name}"
            shell: "true > {{output}}"
        """
    )
    run = docker_workspace.snakemake()
    assert run.exit_code == 1
    assert f"Image {name}@sha256:" in run.output
    assert "has no /bin/sh, with which Snakemake runs every rule's command" in run.output
