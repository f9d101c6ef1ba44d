"""What the user is told of jobs that fail, each in a real container: the texts of the docs."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from docker_images import import_busybox
from docker_registry import TestRegistry, run_registry
from own_servers import run_server
from queue_kit import make_queue
from runs import Workspace, make_workspace
from snapshots import check_shown, check_snapshot
from tool_images import provide_image
from tools import need_docker, need_program

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.together]

QUEUES = ("spot", "spot-once", "hasty")


@pytest.fixture(scope="module")
def trouble_aws(
    runtime: Runtime, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedAws]:
    """An embedded AWS with containers and queues that mean trouble."""
    need_docker()
    need_program("debootstrap", "busybox")
    trees = (str(runtime.base_tree), str(runtime.own_tree))
    with run_server("trouble_server", tmp_path_factory.mktemp("trouble"), *trees) as aws:
        for queue in QUEUES:
            make_queue(aws, queue)
        yield aws


@dataclass(frozen=True)
class Trouble:
    """A rule that fails: what it runs, further directives, and its image (tool_images.py)."""

    shell: str
    directives: tuple[str, ...] = ()
    image: str = "busybox"


TROUBLES = {
    "tool_error": Trouble(
        "echo reading S7.fq; echo no reads in S7.fq >&2; exit 7", ("log: 'tool.log'",)
    ),
    "out_of_memory": Trouble(
        "python3 -c 'bytearray(900 * 2**20)'", ("resources: mem_mb=100",), "python39"
    ),
    "timeout": Trouble("echo begun; sleep 300", ("resources: runtime=5, batchx_queue='hasty'",)),
    "disk_full": Trouble(
        "echo unpacking; head -c 50000000 /dev/zero > {output}",
        ("resources: batchx_options='--tmpfs /tmp:size=8m,mode=1777'",),
    ),
    "missing_output": Trouble("echo wrote results.tsv"),
    "command_not_found": Trouble("bwaa mem ref.fa reads.fq > {output}"),
    "spot_lost": Trouble(
        "echo begun; sleep 300", ("resources: batchx_queue='spot', batchx_retries=1",)
    ),
    "killed": Trouble("echo mapping S7; sleep 300"),
}

LUCKY = Trouble(
    "echo begun; sleep 6; echo done > {output}", ("resources: batchx_queue='spot-once'",)
)
"""Its first host is lost; it ends well all the same."""


def make_rule(name: str, trouble: Trouble) -> str:
    lines = [f"output: '{name}.txt'", f"container: '{provide_image(trouble.image)}'"]
    lines += [*trouble.directives, f"shell: {trouble.shell!r}"]
    return "\n".join([f"rule {name}:", *(f"    {line}" for line in lines), ""])


def cut_story(name: str, output: str) -> str:
    """Return what a run says of one rule's failure."""
    lines = iter(output.splitlines())
    story = [next(line for line in lines if line == f"Error in rule {name}:")]
    for line in lines:
        story.append(line.rstrip())
        if line.startswith("    external_jobid:"):
            break
    return "\n".join(story) + "\n"


def kill_when_running(head: "subprocess.Popen[str]", batch: Any, logs: Any) -> str:
    """End the job of rule killed as somebody does on AWS's console; return what the run said.

    Not before the timeout: the clock that is set forward for it would take the job its time to end.
    """
    said, is_killed = "", False
    for line in head.stdout or ():
        said += line
        found = re.search(r"Rule killed is Batch job (\S+)", said)
        if found and "Error in rule timeout:" in said and not is_killed:
            is_killed = True
            threading.Thread(target=kill_job, args=(batch, logs, found[1]), daemon=True).start()
    head.wait()
    return said


def kill_job(batch: Any, logs: Any, job_id: str) -> None:
    """Terminate a job once its tool has said something."""
    while True:
        (job,) = batch.describe_jobs(jobs=[job_id])["jobs"]
        stream = job["container"].get("logStreamName")
        if stream:
            found = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)
            if any("mapping" in event["message"] for event in found["events"]):
                break
        time.sleep(0.2)
    batch.terminate_job(jobId=job_id, reason="Wrong samples, sorry.")


@pytest.fixture(scope="module")
def told(
    trouble_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workspace, str]:
    """A run in which all of that happens, and what it said."""
    workspace = make_workspace(tmp_path_factory.mktemp("told"), trouble_aws)
    workspace.allow(queues=tuple(QUEUES))
    rules = {**TROUBLES, "lucky": LUCKY}
    targets = [f"{name}.txt" for name in rules]
    text = f"rule all:\n    input: {targets}\n"
    text += "".join(make_rule(name, trouble) for name, trouble in rules.items())
    (workspace.folder / "Snakefile").write_text(text)
    head = workspace.start("-j", "20", "--keep-going")
    said = kill_when_running(head, workspace.client("batch"), workspace.client("logs"))
    assert head.returncode == 1, said
    return workspace, said


@pytest.mark.parametrize("name", TROUBLES)
def test_a_failure_is_told(name: str, told: tuple[Workspace, str]) -> None:
    check_snapshot(f"told_{name}", cut_story(name, told[1]))
    check_shown(f"told_{name}")


def test_no_failure_has_a_traceback(told: tuple[Workspace, str]) -> None:
    assert "Traceback" not in told[1]


def test_a_host_that_is_lost_once_is_told_and_nothing_else(told: tuple[Workspace, str]) -> None:
    workspace, said = told
    assert (workspace.folder / "lucky.txt").read_text() == "done\n"
    # Alone, or with another one that Batch starts again.
    assert re.search(r"batchx: .*Batch starts .* again.*: Host EC2 terminated\.", said)


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestRegistry, ...]]:
    """One that wants a password, which the hosts of trouble_aws do not know, and an open one."""
    need_docker()
    with (
        run_registry(tmp_path_factory.mktemp("private")) as private,
        run_registry(tmp_path_factory.mktemp("open"), is_private=False) as public,
    ):
        pushed = [(private, "me/tool:1"), (public, "me/tool:1"), (public, "me/expired:1")]
        for registry, name in pushed:
            with import_busybox() as image:
                registry.push(image.tag, name)
        yield private, public


PULLING = """
rule all:
    input: "denied_pull.txt", "missing_image.txt", "no_entry.txt"
rule denied_pull:
    output: "denied_pull.txt"
    priority: 1
    container: "{private}/me/tool:1"
    shell: "true > {{output}}"
rule missing_image:
    output: "missing_image.txt"
    container: "{public}/me/expired:1"
    shell: "true > {{output}}"
rule no_entry:
    output: "no_entry.txt"
    container: "{public}/me/tool:1"
    shell: "true > {{output}}"
"""
"""For --batchx-runtime image, by which nothing is derived; one image goes while the run is on."""


@pytest.fixture(scope="module")
def pulled(
    trouble_aws: EmbeddedAws,
    registries: tuple[TestRegistry, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """What a run says whose images make trouble."""
    private, public = registries
    workspace = make_workspace(tmp_path_factory.mktemp("pulled"), trouble_aws)
    workspace.allow(repositories=("me/*",))
    text = PULLING.format(private=private.host, public=public.host)
    (workspace.folder / "Snakefile").write_text(text)
    login = json.dumps({"auths": private.login})
    (workspace.folder / "config.json").write_text(login)
    head = replace(
        workspace, environment={**workspace.environment, "DOCKER_CONFIG": str(workspace.folder)}
    ).start(
        # One after the other: when the first is submitted, the others are not.
        *("-j", "1", "--keep-going"),
        *("--batchx-runtime", "image", "--batchx-retries", "0"),
    )
    said = ""
    for line in head.stdout or ():
        said += line
        if "Rule denied_pull is Batch job" in line:
            public.remove_images("me/expired")
    assert head.wait() == 1, said
    assert private.password not in said
    return said


@pytest.mark.parametrize("name", ["denied_pull", "missing_image", "no_entry"])
def test_trouble_with_an_image_is_told(name: str, pulled: str) -> None:
    check_snapshot(f"told_{name}", cut_story(name, pulled))
    check_shown(f"told_{name}")
