"""The roles of a stack, each allowed what the table of permissions says, and nothing else."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from snakemake_executor_plugin_batchx.infra.compute import list_queues
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.part import (
    Part,
    Values,
    get_attribute,
    make_output,
    make_ref,
    make_tags,
)
from snakemake_executor_plugin_batchx.permissions.policy import make_policy
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.plan.principals import ECS_TASKS
from snakemake_executor_plugin_batchx.storage.layout import AREA

DATA = "data"
"""Below this prefix jobs and heads may write beside batchx's area, and read."""

QUEUE = re.compile(r"arn:.*:job-queue/\$\{(?P<name>\w+)\}")
"""The ARN of a queue of the stack, whose name only Batch knows: the reference to it is its ARN."""

PLACEHOLDER = re.compile(r"\$\{(?:AWS::)?[A-Z]\w*(?:\.\w+)?\}")

EC2 = {"Fn::Sub": "ec2.${AWS::URLSuffix}"}
"""Who assumes the role of instances: unlike ECS, EC2 has another name in China
(https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/region-info/lib/default.ts)."""

OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": make_ref("AWS::AccountId")}}
"""So that ECS assumes the role for tasks of this account only
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html)."""


def plan_roles(options: StackOptions) -> Part:
    """Plan the roles of jobs, ECS and instances, and the policy of those who start runs."""
    scope = make_scope(options)
    # Who starts a detached run passes on the role of its head, which need not pass itself on.
    starters = replace(scope, job_roles=(*scope.job_roles, "${HeadRole.Arn}"))
    return Part(
        "Permissions",
        "The job role is what tools in jobs may do, the execution role what ECS does for a job, "
        "the instance role what instances do, the head role what the head of a detached run does. "
        "Attach HeadPolicy to the users and roles that start Snakemake.",
        {
            "JobRole": _make_role(ECS_TASKS, "job", scope, OWN_ACCOUNT),
            "ExecutionRole": _make_role(ECS_TASKS, "execution", scope, OWN_ACCOUNT),
            "HeadRole": _make_role(ECS_TASKS, "head", scope, OWN_ACCOUNT),
            "InstanceRole": _make_role(EC2, "instance", scope),
            "InstanceProfile": {
                "Type": "AWS::IAM::InstanceProfile",
                "Properties": {"Roles": [make_ref("InstanceRole")]},
            },
            "HeadPolicy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Description": "What a machine that starts Snakemake with batchx may do",
                    "PolicyDocument": substitute(make_policy("head", starters)),
                },
            },
        },
        outputs=_make_outputs(options),
    )


def _make_outputs(options: StackOptions) -> dict[str, Values]:
    execution = "The role with which ECS pulls images and writes logs"
    detached = "The role of the heads of detached runs (batchx run)"
    head = "The policy to attach to those who start Snakemake"
    prefix = "What the names of batchx's repositories in ECR begin with"
    data = "Where workflows may keep what they read and write in S3"
    pulled = "The repositories that jobs' images are pulled from"
    names = ",".join(options.pulled_repositories)
    return {
        **({"PulledRepositories": make_output(pulled, names)} if names else {}),
        "JobRoleArn": make_output("The role of jobs", get_attribute("JobRole", "Arn")),
        "HeadRoleArn": make_output(detached, get_attribute("HeadRole", "Arn")),
        "ExecutionRoleArn": make_output(execution, get_attribute("ExecutionRole", "Arn")),
        "HeadPolicyArn": make_output(head, make_ref("HeadPolicy")),
        "RepositoryPrefix": make_output(prefix, options.prefix),
        "Data": make_output(data, {"Fn::Sub": f"s3://${{Bucket}}/{DATA}"}),
    }


def make_scope(options: StackOptions) -> Scope:
    """Return what the policies are about, as placeholders of CloudFormation's."""
    return Scope(
        partition="${AWS::Partition}",
        region="${AWS::Region}",
        account_id="${AWS::AccountId}",
        queues=tuple(f"${{{name}}}" for name in list_queues(options)),
        area=S3Place("${Bucket}", AREA),
        writes=(S3Place("${Bucket}", DATA),),
        repositories=options.pulled_repositories,
        own_repository=options.prefix,
        job_roles=("${JobRole.Arn}",),
        execution_roles=("${ExecutionRole.Arn}",),
        log_groups=("${LogGroup}",),
    )


def _make_role(
    principal: Any, holder: str, scope: Scope, condition: Mapping[str, Any] | None = None
) -> Values:
    """Return a role without a name of its own; its policy goes with it, never before it."""
    trust: Values = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": "sts:AssumeRole",
    }
    if condition:
        trust["Condition"] = condition
    policy = {"PolicyName": "batchx", "PolicyDocument": substitute(make_policy(holder, scope))}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [policy],
            "Tags": make_tags(),
        },
    }


def substitute(value: Any) -> Any:
    """Return a policy whose placeholders CloudFormation fills in."""
    if isinstance(value, str):
        if match := QUEUE.fullmatch(value):
            return make_ref(match["name"])
        return {"Fn::Sub": value} if PLACEHOLDER.search(value) else value
    if isinstance(value, Mapping):
        return {key: substitute(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(each) for each in value]
    return value
