"""What a fresh embedded account holds.

A bucket, a queue on a compute environment, roles of jobs, ECS and instances, Batch's log group.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

import boto3
from botocore.config import Config

from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP

QUEUE = "batchx-local"
JOB_ROLE = "batchx-local-job"
EXECUTION_ROLE = "batchx-local-execution"
INSTANCE_ROLE = "ecsInstanceRole"
# Far more vCPUs than the host has: a job's wish for threads is never refused for it.
COMPUTE_RESOURCES = {
    "type": "EC2",
    "minvCpus": 0,
    "maxvCpus": 10_000,
    "instanceTypes": ["optimal"],
    "instanceRole": INSTANCE_ROLE,
    "subnets": ["subnet-local"],
    "securityGroupIds": ["sg-local"],
}


def furnish_account(
    endpoint_url: str, identity: Identity, credentials: Credentials, runner: str
) -> EmbeddedAws:
    """Creates what a fresh account holds, through its own API, and describes it.

    The process that serves it is taken to be this one.
    """
    s3, logs, iam, batch = _open_clients(endpoint_url, identity, credentials)
    bucket = f"batchx-local-{secrets.token_hex(4)}"
    s3.create_bucket(Bucket=bucket, **_make_location(identity.region))
    logs.create_log_group(logGroupName=DEFAULT_LOG_GROUP)
    roles = [make_role(iam, role, "ecs-tasks.amazonaws.com") for role in (JOB_ROLE, EXECUTION_ROLE)]
    make_role(iam, INSTANCE_ROLE, "ec2.amazonaws.com")
    iam.create_instance_profile(InstanceProfileName=INSTANCE_ROLE)
    iam.add_role_to_instance_profile(InstanceProfileName=INSTANCE_ROLE, RoleName=INSTANCE_ROLE)
    batch.create_compute_environment(
        computeEnvironmentName=QUEUE, type="MANAGED", computeResources=COMPUTE_RESOURCES
    )
    order = [{"order": 1, "computeEnvironment": QUEUE}]
    batch.create_job_queue(jobQueueName=QUEUE, priority=1, computeEnvironmentOrder=order)
    return EmbeddedAws(
        endpoint_url=endpoint_url,
        region=identity.region,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        bucket=bucket,
        job_queue=QUEUE,
        job_role_arn=roles[0],
        execution_role_arn=roles[1],
        pid=os.getpid(),
        runner=runner,
    )


def make_role(iam: Any, name: str, service: str) -> str:
    """Makes a role that a service may assume; returns its ARN. ``iam`` is a client."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    return str(role["Arn"])


def _open_clients(endpoint_url: str, identity: Identity, credentials: Credentials) -> list[Any]:
    """Clients for S3, CloudWatch Logs, IAM and Batch."""
    session = boto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        region_name=identity.region,
    )
    config = Config(retries={"total_max_attempts": 1})
    return [
        session.client(service, endpoint_url=endpoint_url, config=config)
        for service in ("s3", "logs", "iam", "batch")
    ]


def _make_location(region: str) -> dict[str, dict[str, str]]:
    """S3 takes no LocationConstraint for us-east-1, and demands one elsewhere."""
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
