"""A queue of another processor than this machine's: its runtime is a job's to build."""

import re

from runs import Workspace, count_calls

from snakemake_executor_plugin_batchx.local.account import COMPUTE_RESOURCES
from snakemake_executor_plugin_batchx.plan.platform import LOCAL_RUNNER_TAG
from snakemake_executor_plugin_batchx.runtime.interpreter import inspect_machine

OTHERS = {"amd64": ("arm64", "aarch64", "m7g"), "arm64": ("amd64", "x86_64", "m7i")}
"""By this machine's architecture: another one, its processor, and instances that have it."""


def make_queue(workspace: Workspace, instances: str) -> str:
    batch = workspace.client("batch")
    name = f"foreign-{workspace.folder.parent.name}"
    batch.create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={**COMPUTE_RESOURCES, "instanceTypes": [instances]},
    )
    order = [{"order": 1, "computeEnvironment": name}]
    made = batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
    # As of AWS's own queues, whose jobs find no runtime on their hosts.
    workspace.allow(queues=(name,))
    batch.untag_resource(resourceArn=made["jobQueueArn"], tagKeys=[LOCAL_RUNNER_TAG])
    return name


def test_the_job_that_builds_it_is_told_of_when_it_fails(workspace: Workspace) -> None:
    architecture, processor, instances = OTHERS[inspect_machine().architecture or "amd64"]
    # The jobs of this Batch are processes of this machine: one of the wrong kind, as the job says.
    workspace.write(
        Snakefile="""
        rule a:
            output: "a.txt"
            container: "docker://debian:12"
            shell: "touch {output}"
        """
    )
    before = count_calls(workspace.aws).get("batch.SubmitJob", 0)
    queue = make_queue(workspace, instances)
    run = workspace.snakemake(environment={"SNAKEMAKE_BATCHX_JOB_QUEUE": queue})
    assert run.exit_code == 1
    assert (
        f"batchx: the job runtime for {architecture} cannot be built on this machine" in run.output
    )
    assert f"The job runtime for {architecture} could not be built in the account" in run.output
    assert "its command ended with exit code 1." in run.output
    assert "log stream bx-batchx-runtime-" in run.output
    assert count_calls(workspace.aws)["batch.SubmitJob"] == before + 1
    # Of this stream alone: moto filters by no prefix, and one page ends after 10,000 events.
    (stream,) = set(re.findall(r"log stream (bx-batchx-runtime-[^\s.]+)", run.output))
    events = workspace.client("logs").get_log_events(
        logGroupName="/aws/batch/job", logStreamName=stream
    )["events"]
    assert any(f"and {processor} was expected" in event["message"] for event in events)
