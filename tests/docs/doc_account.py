"""An account of the embedded AWS in which there is what the documentation names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ, pathsep
from pathlib import Path
from typing import Any

import boto3

from snakemake_executor_plugin_batchx.local.account import make_role
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)

NETWORK = {"subnets": ["subnet-1"], "securityGroupIds": ["sg-1"], "maxvCpus": 1000}
HOSTS = {"minvCpus": 0, "instanceRole": "ecsInstanceRole", "instanceTypes": ["optimal"]}
EC2 = {**NETWORK, **HOSTS, "type": "EC2"}
SPOT = {**NETWORK, **HOSTS, "type": "SPOT"}
QUEUES = {"my-queue": SPOT, "spot": SPOT, "on-demand": EC2, "high-memory": EC2, "big-memory": EC2}
BUCKETS = ("my-bucket", "other-bucket", "lab")
ROLES = ("my-job-role", "my-head-role", "batchx-job", "batchx-execution")
ANYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

FOREIGN = ("AWS_", "SNAKEMAKE_", "XDG_")
"""Variables of whoever runs the tests that must not reach the commands."""

SNAKEFILE = """
rule all:
    input: "aligned/S7.sam"

rule align:
    output: "aligned/{sample}.sam"
    container: "docker://quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8"
    resources: mem_mb=100
    shell: "echo {wildcards.sample} > {output}"
"""


@contextmanager
def open_account(*, has_names: bool) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS, with queues, buckets and roles of the documentation's or without."""
    with launch_embedded_aws(runner=PROCESS) as aws:
        if has_names:
            _make_names(aws)
        yield aws


def make_plain_environment(home: Path) -> dict[str, str]:
    """Return what a newcomer's shell has: the programs, and a home of its own."""
    programs = f"{Path(sys.executable).parent}{pathsep}{environ['PATH']}"
    kept = {name: value for name, value in environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "HOME": str(home), "PATH": programs}


def make_user_environment(home: Path, aws: EmbeddedAws) -> dict[str, str]:
    """Return what the shell of somebody has who uses an account, settings of runs included."""
    return {
        **make_plain_environment(home),
        **make_environment(aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": "my-queue",
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://my-bucket/{home.name}",
        "SNAKEMAKE_BATCHX_JOB_ROLE": "arn:aws:iam::123456789012:role/my-job-role",
        "SNAKEMAKE_BATCHX_LOCAL_RUNNER": PROCESS,
        "DOCS": str(Path(__file__).parents[2] / "docs"),
    }


def _make_names(aws: EmbeddedAws) -> None:
    batch, iam, s3 = (make_client(aws, name) for name in ("batch", "iam", "s3"))
    for role in ROLES:
        make_role(iam, role, "ecs-tasks.amazonaws.com")
        iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=json.dumps(ANYTHING))
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
    for queue, resources in QUEUES.items():
        hosts = f"{queue}-hosts"
        batch.create_compute_environment(
            computeEnvironmentName=hosts, type="MANAGED", computeResources=resources
        )
        order = [{"order": 1, "computeEnvironment": hosts}]
        batch.create_job_queue(jobQueueName=queue, priority=1, computeEnvironmentOrder=order)


def make_client(aws: EmbeddedAws, service: str) -> Any:
    """Return a boto3 client with the account's own key."""
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )
