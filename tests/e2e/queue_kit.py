"""Job queues of all kinds for the end-to-end tests, made by the API of the embedded AWS."""

from typing import Any

from runs import make_client

from snakemake_executor_plugin_batchx.local.account import make_role
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

NETWORK = {"subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}

EC2 = {
    **NETWORK,
    "type": "EC2",
    "minvCpus": 0,
    "maxvCpus": 1000,
    "instanceRole": "ecsInstanceRole",
    "instanceTypes": ["optimal"],
}

FARGATE = {**NETWORK, "type": "FARGATE", "maxvCpus": 1000}


def make_queue(
    aws: EmbeddedAws, name: str, resources: dict[str, Any] = EC2, *, has_policy: bool = False
) -> str:
    """Make a queue with a compute environment of its own; return its name."""
    batch = make_client(aws, "batch")
    environment = f"{name}-environment"
    batch.create_compute_environment(
        computeEnvironmentName=environment, type="MANAGED", computeResources=resources
    )
    more = {}
    if has_policy:
        policy = batch.create_scheduling_policy(name=f"{name}-policy", fairsharePolicy={})
        more["schedulingPolicyArn"] = policy["arn"]
    batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
        **more,
    )
    return name


def make_task_role(aws: EmbeddedAws, name: str) -> str:
    """Make a role that jobs may have; return its ARN."""
    return make_role(make_client(aws, "iam"), name, "ecs-tasks.amazonaws.com")


def describe_jobs(aws: EmbeddedAws, queue: str) -> list[dict[str, Any]]:
    """Return what Batch tells of the jobs of a queue that have ended."""
    batch = make_client(aws, "batch")
    ids = [
        job["jobId"]
        for status in ("SUCCEEDED", "FAILED")
        for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
        for job in page["jobSummaryList"]
    ]
    # Tests share queues: there may be more jobs than one call tells of.
    portions = (ids[start : start + 100] for start in range(0, len(ids), 100))
    return [job for portion in portions for job in batch.describe_jobs(jobs=portion)["jobs"]]


def describe_definition(aws: EmbeddedAws, job: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of a described job."""
    batch = make_client(aws, "batch")
    answer = batch.describe_job_definitions(jobDefinitions=[job["jobDefinition"]])
    (found,) = answer["jobDefinitions"]
    return dict(found)
