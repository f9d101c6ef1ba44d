"""Jobs that wait for a place: their user is told what for, and may have them ended."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from queue_kit import EC2, FARGATE, describe_jobs, make_queue
from runs import Workspace, count_calls, make_workspace

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws, launch_embedded_aws
from snakemake_executor_plugin_batchx.plan.platform import LOCAL_RUNNER_TAG

ONE_JOB = """
    rule one:
        output: "one.txt"
        shell: "echo done > {output}"
    """


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS whose queues the tests here change."""
    with launch_embedded_aws() as aws:
        yield aws


@pytest.fixture
def workspace(tmp_path: Path, aws: EmbeddedAws) -> Workspace:
    workspace = make_workspace(tmp_path, aws)
    workspace.allow(
        queues=("switched-off", "narrow", "limited", "tasks", "typed", "occupied"),
        execution_roles=(aws.execution_role_arn,),
    )
    return workspace


def set_state(workspace: Workspace, queue: str, state: str) -> None:
    workspace.client("batch").update_compute_environment(
        computeEnvironment=f"{queue}-environment", state=state
    )


@contextmanager
def occupy(workspace: Workspace, queue: str) -> Iterator[None]:
    """Have somebody else's job on the only vCPU of a queue."""
    batch = workspace.client("batch")
    definition = batch.register_job_definition(
        jobDefinitionName=f"{queue}-occupier",
        type="container",
        containerProperties={
            "image": "busybox",
            "command": ["sleep", "600"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
        },
    )["jobDefinitionArn"]
    job_id = batch.submit_job(jobName="occupier", jobQueue=queue, jobDefinition=definition)["jobId"]
    while batch.describe_jobs(jobs=[job_id])["jobs"][0]["status"] != "RUNNING":
        time.sleep(0.1)
    try:
        yield
    finally:
        batch.terminate_job(jobId=job_id, reason="The test is over.")


NARROW = {**EC2, "maxvCpus": 1}


def test_a_disabled_compute_environment_is_told_and_the_run_goes_on_once_it_is_enabled(
    workspace: Workspace, aws: EmbeddedAws
) -> None:
    queue = make_queue(aws, "switched-off", NARROW)
    workspace.write(Snakefile=ONE_JOB)
    said = ""
    with ExitStack() as stack:
        stack.enter_context(occupy(workspace, queue))
        head = workspace.start("-j", "1", "--batchx-job-queue", queue)
        for line in head.stdout or ():
            said += line
            if "is Batch job" in line:
                set_state(workspace, queue, "DISABLED")
                stack.close()
            if "has been RUNNABLE for" in line:
                set_state(workspace, queue, "ENABLED")
    assert head.wait() == 0, said
    assert (workspace.folder / "one.txt").read_text() == "done\n"
    (told,) = [line for line in said.splitlines() if "has been RUNNABLE for" in line]
    assert told.startswith("batchx: Rule one has been RUNNABLE for ")
    assert told.endswith(
        " s on queue switched-off. The queue's compute environments are DISABLED: enable "
        "switched-off-environment: aws batch update-compute-environment --state ENABLED "
        "--compute-environment switched-off-environment."
    )


def test_a_full_compute_environment_is_told(workspace: Workspace, aws: EmbeddedAws) -> None:
    """One job has the only vCPU until the head has told what the other waits for."""
    queue = make_queue(aws, "narrow", NARROW)
    go = workspace.folder / "go"
    workspace.write(
        Snakefile=f"""
        rule all:
            input: "1.txt", "2.txt"
        rule one:
            output: "{{n}}.txt"
            shell: "while ! test -e {go}; do sleep 0.1; done; touch {{output}}"
        """
    )
    head = workspace.start("-j", "2", "--batchx-job-queue", queue)
    said = ""
    for line in head.stdout or ():
        said += line
        if "has been RUNNABLE for" in line:
            go.touch()
    assert head.wait() == 0, said
    (told,) = [line for line in said.splitlines() if "has been RUNNABLE for" in line]
    assert told.endswith(
        "The queue's compute environment is at maxvCpus (1 of 1 in use): it starts when other jobs "
        "end; raise maxvCpus of narrow-environment if more are to run at once."
    )


def test_what_no_instance_could_run_is_refused_before_anything_is_submitted(
    workspace: Workspace, aws: EmbeddedAws
) -> None:
    make_queue(aws, "limited", {**EC2, "maxvCpus": 8})
    make_queue(aws, "tasks", {**FARGATE, "maxvCpus": 4})
    workspace.write(
        Snakefile="""
        rule all:
            input: "one", "two", "three"
        rule big:
            output: "one"
            threads: 16
            shell: "touch {output}"
        rule wide:
            output: "two"
            threads: 8
            resources: batchx_queue="tasks"
            shell: "touch {output}"
        rule fine:
            output: "three"
            threads: 8
            shell: "touch {output}"
        """
    )
    calls = count_calls(aws)
    run = workspace.snakemake(
        *("-j", "40", "--batchx-job-queue", "limited"),
        *("--batchx-execution-role", aws.execution_role_arn),
    )
    assert run.exit_code == 1
    assert (
        "Rule big: it asks for 16 vCPU, but maxvCpus of the compute environments of queue limited "
        "is 8 at most: lower threads, raise maxvCpus, or name another queue (batchx_queue)."
    ) in run.output
    assert "Rule wide: it asks for 8 vCPU, but maxvCpus " in run.output
    assert "Rule fine" not in run.output
    assert count_calls(aws).get("batch.SubmitJob") == calls.get("batch.SubmitJob")


def test_what_is_larger_than_all_instance_types_of_a_queue_is_refused_as_well(
    workspace: Workspace, aws: EmbeddedAws
) -> None:
    make_queue(aws, "typed", {**EC2, "instanceTypes": ["m5.4xlarge", "c5"]})
    batch = workspace.client("batch")
    (queue,) = batch.describe_job_queues(jobQueues=["typed"])["jobQueues"]
    # Without the tag by which heads know an embedded Batch it is as AWS's.
    batch.untag_resource(resourceArn=queue["jobQueueArn"], tagKeys=[LOCAL_RUNNER_TAG])
    workspace.write(Snakefile=BIG_JOBS)
    calls = count_calls(aws)
    run = workspace.snakemake("-j", "400", "--batchx-job-queue", "typed")
    assert run.exit_code == 1
    assert (
        "Rule big: it asks for 128 vCPU, but the largest instance type of queue typed is "
        "c5.24xlarge with 96 vCPU: lower threads, or name another queue (batchx_queue)."
    ) in run.output
    assert "Rule fine" not in run.output
    assert count_calls(aws)["ec2.POST"] - calls.get("ec2.POST", 0) == 1


BIG_JOBS = """
    rule all:
        input: "one", "two"
    rule big:
        output: "one"
        container: "docker://busybox"
        threads: 128
        shell: "touch {output}"
    rule fine:
        output: "two"
        container: "docker://busybox"
        threads: 96
        shell: "touch {output}"
    """


@pytest.mark.slow
def test_a_job_that_waits_longer_than_it_may_is_ended_or_goes_elsewhere(
    workspace: Workspace, aws: EmbeddedAws
) -> None:
    queue = make_queue(aws, "occupied", NARROW)
    workspace.write(
        Snakefile="""
        rule all:
            input: "one", "two"
        rule one:
            output: "one"
            resources: batchx_runnable_timeout="1m"
            shell: "touch {output}"
        rule two:
            output: "two"
            resources: batchx_runnable_timeout=1, batchx_fallback_queue="batchx-local"
            shell: "touch {output}"
        """
    )
    with occupy(workspace, queue):
        run = workspace.snakemake("-j", "2", "--keep-going", "--batchx-job-queue", queue)
    assert run.exit_code == 1
    assert (workspace.folder / "two").exists()
    words = " ".join(run.output.split())
    assert "failed: it was RUNNABLE on queue occupied for 1 min, longer than batchx_" in words
    assert "lets it wait. The queue's compute environment is at maxvCpus (1 of 1 in use)" in words
    assert "so it goes to its fallback queue." in words
    jobs = [job for job in describe_jobs(aws, queue) if job["jobName"].startswith("bx-")]
    assert {job["statusReason"] for job in jobs} == {
        "It was RUNNABLE for as long as batchx_runnable_timeout lets a job wait."
    }
    kinds = [event["kind"] for event in workspace.read_journal("verdict")]
    assert sorted(kinds) == ["success", "waiting"]
