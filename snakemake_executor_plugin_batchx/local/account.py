"""What a fresh embedded account holds.

A bucket, a queue on a compute environment, roles of jobs, ECS and instances and a user for heads,
all with the generated policies, and Batch's log group.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from typing import Any

import boto3
from botocore.config import Config

from snakemake_executor_plugin_batchx.local.grants import (
    EXECUTION_ROLE,
    HEAD_ROLE,
    HEAD_USER,
    INSTANCE_ROLE,
    JOB_ROLE,
    give_policy,
    make_account_scope,
)
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.permissions.row import HOLDERS, INSTANCE
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP

QUEUE = "batchx-local"
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
    names = (JOB_ROLE, EXECUTION_ROLE, HEAD_ROLE)
    roles = [make_role(iam, name, "ecs-tasks.amazonaws.com") for name in names]
    head_key = _make_others(iam)
    scope = make_account_scope(identity, bucket)
    for holder in HOLDERS:
        # Jobs without roles have the instances', which also start them.
        bare = dataclasses.replace(scope, job_roles=(), execution_roles=())
        give_policy(iam, identity, holder, bare if holder == INSTANCE else scope)
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
        head_role_arn=roles[2],
        head_access_key_id=head_key["AccessKeyId"],
        head_secret_access_key=head_key["SecretAccessKey"],
        pid=os.getpid(),
        runner=runner,
    )


def _make_others(iam: Any) -> dict[str, str]:
    """Makes the instances' role, in a profile, and the user for heads; returns the user's key."""
    make_role(iam, INSTANCE_ROLE, "ec2.amazonaws.com")
    iam.create_instance_profile(InstanceProfileName=INSTANCE_ROLE)
    iam.add_role_to_instance_profile(InstanceProfileName=INSTANCE_ROLE, RoleName=INSTANCE_ROLE)
    iam.create_user(UserName=HEAD_USER)
    key: dict[str, str] = iam.create_access_key(UserName=HEAD_USER)["AccessKey"]
    return key


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
