"""What a rule, a workflow or a run can ask of Batch beside Snakemake's own resources, as one table.

From the table come the resources `batchx_…` of rules, the checks of the settings `--batchx-…`, and
the reference in the documentation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from snakemake_executor_plugin_batchx.plan import readers
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP
from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.pairs import (
    hide_logins,
    hide_secrets,
    read_consumables,
    read_registry_logins,
    read_secrets,
    read_tags,
)
from snakemake_executor_plugin_batchx.plan.readers import Reader
from snakemake_executor_plugin_batchx.plan.volumes import join_volumes, parse_volumes

PREFIX = "batchx_"

MOST_RETRIES = 9
"""Batch makes 1 to 10 attempts
(https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html)."""

MOST_OVERHEAD_MIB = 65_536

Need = Literal["has_policy", "is_fargate"]


def join_pairs(own: tuple[tuple[str, Any], ...], default: tuple[tuple[str, Any], ...]) -> Any:
    """Return the pairs of both, by name; one's own count."""
    return tuple(sorted({**dict(default), **dict(own)}.items()))


def join_container_options(own: ContainerOptions, default: ContainerOptions) -> ContainerOptions:
    """Return the container's options of both, flag by flag; one's own count."""
    return own.join(default)


@dataclass(frozen=True)
class Option:
    """A row: how a value is read, and what the documentation tells of it.

    The resource is called `batchx_<name>`; `setting` is the field of ExecutorSettings that gives
    the default, None where there is none. `goes_to` names members of Batch's API, `where` the
    platforms that know it, `needs` the property of a queue (plan/platform.py) without which it
    means nothing. `join` is for what holds several things. `show` returns a given value as it may
    be told.
    """

    name: str
    read: Reader[Any]
    kind: str
    goes_to: str
    where: str
    default: str
    example: str
    meaning: str
    setting: str | None
    join: Callable[[Any, Any], Any] | None = None
    show: Callable[[Any], str] = repr
    needs: Need | None = None

    @property
    def resource(self) -> str:
        """The name of the resource in rules, profiles and --set-resources."""
        return PREFIX + self.name

    @property
    def flag(self) -> str | None:
        """The option of the command line that gives the default."""
        return f"--batchx-{self.setting.replace('_', '-')}" if self.setting else None


BOTH = "EC2, Fargate"
EC2 = "EC2"
FARGATE = "Fargate"

OPTIONS = (
    Option(
        "queue",
        readers.read_queue,
        "name or ARN",
        "SubmitJob.jobQueue",
        BOTH,
        "none: one must be named",
        "batchx_queue='high-memory'",
        "the job queue; jobs of one run may go to several, of different kinds",
        "job_queue",
    ),
    Option(
        "fallback_queue",
        readers.read_queue,
        "name or ARN",
        "SubmitJob.jobQueue",
        BOTH,
        "none",
        "batchx_fallback_queue='on-demand'",
        "where a job goes once more when hosts were taken away (spot) on each of its attempts, or "
        "when it has been RUNNABLE for batchx_runnable_timeout",
        "fallback_queue",
    ),
    Option(
        "runnable_timeout",
        readers.read_duration,
        "90m, 2h, 1d; a number means minutes",
        "CancelJob.reason",
        BOTH,
        "none: jobs wait for as long as it takes",
        "batchx_runnable_timeout='2h'",
        "how long a job may be RUNNABLE, waiting for a place; then it is ended and has failed",
        "runnable_timeout",
    ),
    Option(
        "image",
        readers.read_image,
        "image or job-definition://",
        "containerProperties.image",
        BOTH,
        "the rule's `container:`, else `--container-image`",
        "batchx_image='quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8'",
        "the image, or a job definition of your own, instead of the rule's `container:`",
        None,
    ),
    Option(
        "arch",
        readers.read_architecture,
        "`amd64` or `arm64`",
        "containerProperties.runtimePlatform.cpuArchitecture (Fargate)",
        BOTH,
        "the queue's; `amd64` on Fargate",
        "batchx_arch='arm64'",
        "the processor: chosen on Fargate, on EC2 compared with that of the queue's instances",
        "arch",
    ),
    Option(
        "job_role",
        readers.read_role,
        "role ARN",
        "containerProperties.jobRoleArn",
        BOTH,
        "the role of the instances",
        "batchx_job_role='arn:aws:iam::123456789012:role/reader'",
        "the role that the job itself has; it reads and writes the S3 root",
        "job_role",
    ),
    Option(
        "execution_role",
        readers.read_role,
        "role ARN",
        "containerProperties.executionRoleArn",
        BOTH,
        "none: the instances' own role; Fargate demands one",
        "batchx_execution_role='arn:aws:iam::123456789012:role/ecs'",
        "the role with which ECS pulls images, reads secrets and writes logs",
        "execution_role",
    ),
    Option(
        "memory_overhead",
        readers.make_number_reader(0, MOST_OVERHEAD_MIB),
        "MiB",
        "containerOverrides.resourceRequirements MEMORY",
        BOTH,
        "256",
        "batchx_memory_overhead=512",
        "added to the memory that a rule names, for what runs beside its tool",
        "memory_overhead",
    ),
    Option(
        "priority",
        readers.make_number_reader(0, 9999),
        "0 to 9999",
        "SubmitJob.schedulingPriorityOverride",
        BOTH,
        "that of the definition, else 0",
        "batchx_priority=50",
        "which job of a share comes first; for queues with a scheduling policy",
        "priority",
        needs="has_policy",
    ),
    Option(
        "share",
        readers.read_share,
        "letters and digits",
        "SubmitJob.shareIdentifier",
        BOTH,
        "none; queues with a scheduling policy demand one",
        "batchx_share='projectA'",
        "the share of a fair-share queue that the job counts to",
        "share",
        needs="has_policy",
    ),
    Option(
        "consumables",
        read_consumables,
        "NAME[=QUANTITY], by commas",
        "RegisterJobDefinition.consumableResourceProperties",
        BOTH,
        "none",
        "batchx_consumables='license-token=2'",
        "consumable resources (licences, tokens) that the job holds while it runs",
        "consumables",
        join_pairs,
    ),
    Option(
        "retries",
        readers.make_number_reader(0, MOST_RETRIES),
        "0 to 9",
        "SubmitJob.retryStrategy",
        BOTH,
        "2",
        "batchx_retries=5",
        "how often Batch starts a job again when host or network failed it; failures of the tool "
        "are Snakemake's (`retries:`)",
        "retries",
    ),
    Option(
        "tags",
        read_tags,
        "KEY=VALUE, by commas",
        "SubmitJob.tags",
        BOTH,
        "batchx:run, batchx:rule and batchx:workflow are always there",
        "batchx_tags='project=flu,owner=me'",
        "tags of the job, handed on to its ECS task, for cost reports and policies",
        "tags",
        join_pairs,
    ),
    Option(
        "log_group",
        readers.read_log_group,
        "name",
        "containerProperties.logConfiguration",
        BOTH,
        DEFAULT_LOG_GROUP,
        "batchx_log_group='/lab/sequencing'",
        "the CloudWatch log group of the job's output; it must exist",
        "log_group",
    ),
    Option(
        "options",
        parse_container_options,
        "options of `docker run`",
        "containerProperties",
        "see below",
        "none",
        "batchx_options='--shm-size 1g --ulimit nofile=65536'",
        "how the container is run, written as for `docker run`",
        "options",
        join_container_options,
    ),
    Option(
        "volumes",
        parse_volumes,
        "/host[:/path[:ro]], efs://…, s3files://…",
        "containerProperties.volumes, mountPoints",
        "EC2; of Fargate's, EFS and S3 Files",
        "none",
        "batchx_volumes='/scratch efs://fs-0123abcd/ref:/ref:ro'",
        "folders of the host and file systems that the container has",
        "volumes",
        join_volumes,
    ),
    Option(
        "secrets",
        read_secrets,
        "NAME=ARN, by commas",
        "containerProperties.secrets",
        BOTH,
        "none",
        "batchx_secrets='TOKEN=arn:aws:ssm:eu-west-1:123456789012:parameter/token'",
        "environment variables that ECS reads from Secrets Manager or SSM; needs an execution role",
        "secrets",
        join_pairs,
        hide_secrets,
    ),
    Option(
        "registry_credentials",
        read_registry_logins,
        "HOST=ARN, by commas",
        "containerProperties.repositoryCredentials",
        BOTH,
        "what `docker login` left on this machine",
        "batchx_registry_credentials="
        "'quay.io=arn:aws:secretsmanager:eu-west-1:123456789012:secret:quay'",
        'the login ({"username": …, "password": …}) for a private registry that is not ECR',
        "registry_credentials",
        join_pairs,
        hide_logins,
    ),
    Option(
        "public_ip",
        readers.read_switch,
        "on or off",
        "containerProperties.networkConfiguration.assignPublicIp",
        FARGATE,
        "off",
        "batchx_public_ip='on'",
        "whether the task gets a public address, which it needs in subnets without NAT",
        "public_ip",
        needs="is_fargate",
    ),
    Option(
        "platform_version",
        readers.read_platform_version,
        "LATEST or 1.4.0",
        "containerProperties.fargatePlatformConfiguration.platformVersion",
        FARGATE,
        "LATEST",
        "batchx_platform_version='1.4.0'",
        "the version of Fargate itself",
        "platform_version",
        needs="is_fargate",
    ),
    Option(
        "array",
        readers.read_switch,
        "on or off",
        "SubmitJob.arrayProperties",
        BOTH,
        "on",
        "batchx_array='off'",
        "whether equal jobs are submitted together",
        "array",
    ),
)

BY_RESOURCE = {option.resource: option for option in OPTIONS}

OTHER_RESOURCES = frozenset({"batchx_host_cache"})
"""Read elsewhere (plan/host_cache.py): it is about a rule's inputs."""
