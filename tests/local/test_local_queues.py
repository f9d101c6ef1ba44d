"""Compute environments and queues: what may be made, changed and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from batch_world import (
    World,
    make_environment,
    make_fargate,
    make_fargate_environment,
    make_queue,
)

from snakemake_executor_plugin_batchx.local.errors import ClientError


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"instanceRole": None}, "Instance role is required."),
        ({"minvCpus": None}, "Resource minvCpus is required."),
        ({"instanceTypes": []}, "Instance types are required."),
        ({"subnets": None}, "subnets is required"),
        ({"type": "FARGATE"}, "not applicable for Fargate"),
        ({"type": "LAMBDA"}, "is not a value"),
    ],
)
def test_environments_that_cannot_work_are_refused(
    world: World, members: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        world.call("CreateComputeEnvironment", **make_environment("new", **members))


def test_environments_are_valid_at_once(world: World) -> None:
    (found,) = world.call("DescribeComputeEnvironments", computeEnvironments=["environment"])[
        "computeEnvironments"
    ]
    assert (found["state"], found["status"]) == ("ENABLED", "VALID")
    assert found["computeResources"]["maxvCpus"] == 100


def test_names_are_taken_once(world: World) -> None:
    with pytest.raises(ClientError, match="Object already exists"):
        world.call("CreateComputeEnvironment", **make_environment("environment"))
    with pytest.raises(ClientError, match="Object already exists"):
        world.call("CreateJobQueue", **make_queue("queue", "environment"))


def test_ec2_and_fargate_do_not_mix_in_a_queue(world: World) -> None:
    world.call("CreateComputeEnvironment", **make_fargate_environment("fargate"))
    with pytest.raises(ClientError, match="cannot be mixed"):
        world.call("CreateJobQueue", **make_queue("mixed", "environment", "fargate"))


@pytest.mark.parametrize("family", ["m7g.large", "c7gn.xlarge", "a1.medium", "im4gn.large"])
def test_a_queue_has_one_architecture(world: World, family: str) -> None:
    world.call("CreateComputeEnvironment", **make_environment("arm", instanceTypes=[family]))
    with pytest.raises(ClientError, match="one architecture"):
        world.call("CreateJobQueue", **make_queue("mixed", "environment", "arm"))


@pytest.mark.parametrize("family", ["g5.xlarge", "g4dn.xlarge", "m7i.large", "optimal"])
def test_gpu_families_are_no_graviton(world: World, family: str) -> None:
    world.call("CreateComputeEnvironment", **make_environment("other", instanceTypes=[family]))
    world.call("CreateJobQueue", **make_queue("both", "environment", "other"))


def test_a_definitions_platform_must_fit_the_queue(world: World) -> None:
    world.call("CreateComputeEnvironment", **make_fargate_environment("fargate"))
    world.call("CreateJobQueue", **make_queue("fargate", "fargate"))
    world.call("RegisterJobDefinition", **make_fargate())
    job_id = world.submit(jobQueue="fargate", jobDefinition="fargate")
    assert world.describe(job_id)["platformCapabilities"] == ["FARGATE"]
    with pytest.raises(ClientError, match="platform does not fit"):
        world.submit(jobDefinition="fargate")
    with pytest.raises(ClientError, match="platform does not fit"):
        world.submit(jobQueue="fargate")


def test_a_fargate_override_must_keep_to_the_pairs(world: World) -> None:
    world.call("CreateComputeEnvironment", **make_fargate_environment("fargate"))
    world.call("CreateJobQueue", **make_queue("fargate", "fargate"))
    world.call("RegisterJobDefinition", **make_fargate())
    override = {"resourceRequirements": [{"type": "MEMORY", "value": "3072"}]}
    with pytest.raises(ClientError, match=r"Fargate has no 3072 MiB with 0\.25 vCPU"):
        world.submit(jobQueue="fargate", jobDefinition="fargate", containerOverrides=override)


def test_a_disabled_queue_takes_no_jobs_but_runs_those_it_has(world: World) -> None:
    world.call("SubmitJob", jobName="early", jobQueue="queue", jobDefinition="tool")
    world.call("UpdateJobQueue", jobQueue="queue", state="DISABLED")
    with pytest.raises(ClientError, match="not ENABLED"):
        world.submit()
    assert len(world.advance()) == 1


@pytest.mark.parametrize("name", ["none", "arn:aws:batch:us-east-1:123456789012:job-queue/none"])
def test_an_unknown_queue_is_refused_in_awss_words(world: World, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        world.submit(jobQueue=name)
    assert (caught.value.message, caught.value.is_framed) == (f"JobQueue {name} not found.", False)


def test_a_queue_goes_by_its_arn_too(world: World) -> None:
    arn = world.call("DescribeJobQueues")["jobQueues"][0]["jobQueueArn"]
    assert world.describe(world.submit(jobQueue=arn))["jobQueue"] == arn
    (found,) = world.call("DescribeJobQueues", jobQueues=[arn, "none"])["jobQueues"]
    assert found["computeEnvironmentOrder"][0]["computeEnvironment"].endswith("/environment")


def test_deleting_demands_disabled_and_unused(world: World) -> None:
    with pytest.raises(ClientError, match="must be disabled"):
        world.call("DeleteJobQueue", jobQueue="queue")
    with pytest.raises(ClientError, match="found existing JobQueue relationship"):
        world.call("DeleteComputeEnvironment", computeEnvironment="environment")
    job_id = world.submit()
    world.begin(job_id)
    world.call("UpdateJobQueue", jobQueue="queue", state="DISABLED")
    world.call("DeleteJobQueue", jobQueue="queue")
    world.advance()
    assert world.list_stopped() == [f"{job_id}#1"]
    with pytest.raises(ClientError, match="must be disabled"):
        world.call("DeleteComputeEnvironment", computeEnvironment="environment")
    world.call("UpdateComputeEnvironment", computeEnvironment="environment", state="DISABLED")
    world.call("DeleteComputeEnvironment", computeEnvironment="environment")
    assert world.call("DescribeComputeEnvironments") == {"computeEnvironments": []}


def test_a_queue_without_policy_cannot_get_one(world: World) -> None:
    arn = world.call("CreateSchedulingPolicy", name="fair")["arn"]
    with pytest.raises(ClientError, match="cannot be added"):
        world.call("UpdateJobQueue", jobQueue="queue", schedulingPolicyArn=arn)
    (described,) = world.call("DescribeSchedulingPolicies", arns=[arn])["schedulingPolicies"]
    assert described["name"] == "fair"
    assert world.call("ListSchedulingPolicies") == {"schedulingPolicies": [{"arn": arn}]}


def test_what_is_not_served_says_so(world: World) -> None:
    with pytest.raises(ClientError, match="does not serve SubmitServiceJob"):
        world.call("SubmitServiceJob")
