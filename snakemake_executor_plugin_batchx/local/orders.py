"""What the Batch orders of a runner.

Plain values, so that the state machine knows no process and no container.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.jobs import Attempt, Job
from snakemake_executor_plugin_batchx.local.overrides import substitute_parameters
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.views import read_parameters
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP


@dataclass(frozen=True)
class ContainerOrder:
    """One container to run.

    ``properties`` are the definition's, merged, for what a runner reads beyond these fields.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    memory_mib: int
    is_essential: bool
    log_group: str
    log_stream: str
    is_creating_log_group: bool
    properties: JsonObject


@dataclass(frozen=True)
class StartOrder:
    """Start an attempt: all its containers. The first essential one to exit ends it.

    ``volumes`` are the task's, which its containers' ``mountPoints`` name. ``instance_profile``
    is what the compute environment calls instanceRole; None on Fargate, and where its owner
    manages the hosts.
    """

    attempt_id: str
    job_id: str
    job_role_arn: str | None
    is_fargate: bool
    containers: tuple[ContainerOrder, ...]
    volumes: tuple[JsonObject, ...] = ()
    execution_role_arn: str | None = None
    instance_profile: str | None = None
    task_id: str = ""
    instance_id: str = ""


@dataclass(frozen=True)
class StopOrder:
    """Send SIGTERM to an attempt's containers."""

    attempt_id: str


@dataclass(frozen=True)
class KillOrder:
    """Send SIGKILL to an attempt's containers."""

    attempt_id: str


Order = StartOrder | StopOrder | KillOrder


def make_batch_environment(job: Job, number: int, environment_name: str) -> dict[str, str]:
    """The variables that Batch itself sets.

    Source: https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
    """
    variables = {
        "AWS_BATCH_CE_NAME": environment_name,
        "AWS_BATCH_JOB_ATTEMPT": str(number),
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JQ_NAME": job.queue.name,
    }
    if job.parent is not None:
        variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(job.parent.size)
    return variables


def make_log_streams(job: Job, task_id: str) -> dict[str, str]:
    """Maps each container to its log stream.

    Its name is ``<definition or awslogs-stream-prefix>/<container>/<task id>``.

    Source: https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html
    """
    streams = {}
    for container in job.task["containers"]:
        options = container.get("logConfiguration", {}).get("options", {})
        prefix = options.get("awslogs-stream-prefix", job.definition.name)
        streams[container["name"]] = f"{prefix}/{container['name']}/{task_id}"
    return streams


def make_start_order(job: Job, attempt: Attempt) -> StartOrder:
    """The order that starts an attempt of a job."""
    own = make_batch_environment(job, attempt.number, attempt.environment_name)
    container = job.task["containers"][0]
    role, execution_role = find_task_roles(job.task)
    orders = [
        _make_container_order(job, each, own, attempt.log_streams[each["name"]])
        for each in job.task["containers"]
    ]
    return StartOrder(
        attempt_id=attempt.identifier,
        job_id=job.job_id,
        job_role_arn=role,
        is_fargate=job.definition.is_fargate,
        containers=tuple(orders),
        volumes=tuple(job.task.get("volumes", container.get("volumes", []))),
        execution_role_arn=execution_role,
        instance_profile=attempt.instance_profile,
        task_id=attempt.task_arn.rpartition("/")[2],
        instance_id=make_instance_id(attempt.instance_arn or attempt.task_arn),
    )


def _make_container_order(
    job: Job, container: JsonObject, own: Mapping[str, str], log_stream: str
) -> ContainerOrder:
    # Batch drops variables without a value
    # (https://github.com/hashicorp/terraform-provider-aws/issues/26960).
    given = {each["name"]: each["value"] for each in container["environment"] if each.get("value")}
    options = container.get("logConfiguration", {}).get("options", {})
    return ContainerOrder(
        name=container["name"],
        image=container["image"],
        command=tuple(substitute_parameters(container["command"], read_parameters(job))),
        environment={**given, **own},
        memory_mib=find_memory_mib(container),
        is_essential=container.get("essential", True),
        log_group=options.get("awslogs-group", DEFAULT_LOG_GROUP),
        log_stream=log_stream,
        is_creating_log_group=options.get("awslogs-create-group", "false").lower() == "true",
        properties=container,
    )


def find_memory_mib(container: JsonObject) -> int:
    """The container's memory limit in MiB; 0 where only its task has one."""
    for each in container["resourceRequirements"]:
        if each["type"] == "MEMORY":
            return int(each["value"])
    return int(container.get("memory", 0))


def find_task_roles(task: JsonObject) -> tuple[str | None, str | None]:
    """The ARNs of a task's job role and execution role."""
    container = task["containers"][0]
    return (
        task.get("taskRoleArn", container.get("jobRoleArn")),
        task.get("executionRoleArn", container.get("executionRoleArn")),
    )


def make_instance_id(instance_arn: str) -> str:
    """``i-`` and 17 digits, made of the container instance's."""
    return f"i-{instance_arn.rpartition('/')[2][:17]}"


def make_task_arn(identity: Identity, environment_name: str, task_id: str) -> str:
    """``arn:aws:ecs:<region>:<account>:task/<cluster>/<task id>``."""
    return identity.make_arn("task", f"{environment_name}/{task_id}", service="ecs")
