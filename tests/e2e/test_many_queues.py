"""Several queues in one run: of different kinds, with shares, and one to fall back on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.fault_world import make_tests_environment
from own_servers import run_server
from queue_kit import FARGATE, describe_definition, describe_jobs, make_queue
from runs import Workspace, make_client, make_workspace

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    launch_embedded_aws,
)

WORKFLOW = """
    rule all:
        input: "plain.txt", "shared.txt", "task.txt", "here.txt"
    rule here:
        input: "plain.txt"
        output: "here.txt"
        localrule: True
        shell: "echo ${{AWS_BATCH_JOB_ID:-none}} > {output}"
    rule plain:
        output: "plain.txt"
        shell: "echo $AWS_BATCH_JQ_NAME > {output}"
    rule shared:
        input: "plain.txt"
        output: "shared.txt"
        resources: batchx_queue="fair", batchx_priority=7, batchx_tags="project=flu"
        shell: "cat {input} > {output}; echo $AWS_BATCH_JQ_NAME >> {output}"
    rule task:
        input: "shared.txt"
        output: "task.txt"
        threads: 3
        resources: batchx_queue="fargate", mem_mb=3000, disk_mb=30000
        shell: "cat {input} > {output}; echo $AWS_BATCH_JQ_NAME $AWS_EXECUTION_ENV >> {output}"
    """


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS with a queue of each kind."""
    with launch_embedded_aws() as aws:
        make_queue(aws, "fair", has_policy=True)
        make_queue(aws, "fargate", FARGATE)
        yield aws


def test_rules_go_to_the_queues_that_they_name(aws: EmbeddedAws, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, aws)
    workspace.allow(
        queues=("fair", "fargate"),
        job_roles=(aws.job_role_arn,),
        execution_roles=(aws.execution_role_arn,),
    )
    workspace.write(Snakefile=WORKFLOW)
    # On Fargate there is no instance whose role a job could have instead.
    run = workspace.snakemake(
        *("--batchx-share", "lab1", "--batchx-job-role", aws.job_role_arn),
        *("--batchx-execution-role", aws.execution_role_arn),
    )
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "here.txt").read_text() == "none\n"
    assert (workspace.folder / "task.txt").read_text().splitlines() == [
        "batchx-local",
        "fair",
        "fargate AWS_ECS_FARGATE",
    ]
    # The share is for the queue with a policy alone, whoever else runs by the setting.
    (plain,) = describe_jobs(aws, aws.job_queue)
    assert "shareIdentifier" not in plain
    (shared,) = describe_jobs(aws, "fair")
    assert (shared["shareIdentifier"], shared["schedulingPriority"]) == ("lab1", 7)
    assert shared["tags"]["project"] == "flu"
    assert shared["tags"]["batchx:rule"] == "shared"
    assert shared["tags"]["batchx:workflow"] == "work"
    (task,) = describe_jobs(aws, "fargate")
    assert {each["type"]: each["value"] for each in task["container"]["resourceRequirements"]} == {
        "VCPU": "4",
        "MEMORY": "8192",
    }
    assert "3 vCPU with 3118 MiB becomes 4 vCPU with 8192 MiB" in run.output
    definition = describe_definition(aws, task)
    assert definition["platformCapabilities"] == ["FARGATE"]
    properties = definition["containerProperties"]
    assert properties["ephemeralStorage"] == {"sizeInGiB": 28}
    assert properties["runtimePlatform"]["cpuArchitecture"] == "X86_64"


def test_the_jobs_of_all_queues_are_swept(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A head that is killed leaves jobs on two queues; its journal knows both."""
    workspace = make_workspace(tmp_path, aws)
    workspace.allow(queues=("fair",))
    workspace.write(
        Snakefile="""
        rule all:
            input: "one", "two"
        rule one:
            output: "one"
            shell: "sleep 120; touch {output}"
        rule two:
            output: "two"
            resources: batchx_queue="fair", batchx_share="lab2"
            shell: "sleep 120; touch {output}"
        """
    )
    head = workspace.start("-j", "2")
    said = ""
    for line in head.stdout or ():
        said += line
        if said.count("is Batch job") == 2:
            break
    head.kill()
    head.communicate()
    command = [str(Path(sys.executable).with_name("batchx")), "jobs", "sweep"]
    done = subprocess.run(
        command,
        cwd=workspace.folder,
        env={**make_tests_environment(), **workspace.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 jobs" in done.stderr


@pytest.fixture(scope="module")
def spot_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An embedded AWS whose queue `spot` loses every host."""
    with run_server("spot_queue_server", tmp_path_factory.mktemp("spot")) as aws:
        make_queue(aws, "spot")
        yield aws


SPOT_WORKFLOW = """
    rule all:
        input: expand("{n}.txt", n=range(3))
    rule one:
        output: "{n}.txt"
        shell: "sleep 1; echo {wildcards.n} $AWS_BATCH_JQ_NAME >> runs.log; "
            "echo $AWS_BATCH_JQ_NAME > {output}"
    """


def unfold(aws: EmbeddedAws, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a described job, or the children of an array."""
    size = job.get("arrayProperties", {}).get("size")
    if size is None:
        return [job]
    ids = [f"{job['jobId']}:{index}" for index in range(size)]
    return list(make_client(aws, "batch").describe_jobs(jobs=ids)["jobs"])


def test_jobs_whose_hosts_were_taken_away_fall_back(spot_aws: EmbeddedAws, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, spot_aws)
    workspace.allow(queues=("spot",))
    workspace.write(Snakefile=SPOT_WORKFLOW)
    spot: Workspace = workspace
    run = spot.snakemake(
        *("--batchx-job-queue", "spot", "--batchx-fallback-queue", spot_aws.job_queue),
        *("--batchx-retries", "1"),
    )
    assert run.exit_code == 0, run.output
    for number in range(3):
        assert (spot.folder / f"{number}.txt").read_text() == f"{spot_aws.job_queue}\n"
    assert " were taken away or failed, " in run.output
    assert " on queue spot: " in run.output
    assert f" on queue {spot_aws.job_queue}: " in run.output
    lost = [each for job in describe_jobs(spot_aws, "spot") for each in unfold(spot_aws, job)]
    assert [len(job["attempts"]) for job in lost] == [2, 2, 2]
    assert [event["queue"] for event in spot.read_journal("fallback")] == [spot_aws.job_queue] * 3
    # Nothing is left for a later run to look for.
    again = spot.snakemake(*("--batchx-job-queue", "spot"))
    assert "Nothing to be done" in again.output


def test_without_a_queue_to_fall_back_on_the_job_fails_and_says_why(
    spot_aws: EmbeddedAws, tmp_path: Path
) -> None:
    workspace = make_workspace(tmp_path, spot_aws)
    workspace.allow(queues=("spot",))
    workspace.write(Snakefile=SPOT_WORKFLOW)
    run = workspace.snakemake(
        *("--batchx-job-queue", "spot", "--batchx-retries", "0", "0.txt"),
    )
    assert run.exit_code == 1
    assert "its host was taken away (spot) or lost" in run.output
    assert "--batchx-fallback-queue" in run.output
