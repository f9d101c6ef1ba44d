"""What the ECS agent says of containers that did not start or did not end well.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
and https://github.com/aws/amazon-ecs-agent (agent/dockerclient/dockerapi/errors.go)
"""

from __future__ import annotations

from snakemake_executor_plugin_batchx.local.docker_engine import ContainerEnd
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.runners import OUT_OF_MEMORY

CANNOT_CREATE = "CannotCreateContainerError: {said}"
CANNOT_CREATE_VOLUME = "CannotCreateVolumeError: {said}"
CANNOT_START = "CannotStartContainerError: {said}"
CANNOT_INSPECT = "CannotInspectContainerError: {said}"
STATE_ERROR = "DockerStateError: {said}"
DEPENDENCY_FAILED = (
    "dependency graph: failed to resolve container ordering dependency [{dependency}] for target "
    "[{name}] as dependency did not exit successfully."
)


def judge_end(name: str, end: ContainerEnd) -> ContainerResult:
    """The result of a container that ended.

    The agent says "out of memory" wherever Docker does: also of a container that lived on when
    the kernel killed one of its processes.
    """
    if end.is_out_of_memory:
        return ContainerResult(name, end.exit_code, OUT_OF_MEMORY)
    reason = STATE_ERROR.format(said=end.error) if end.error else None
    return ContainerResult(name, end.exit_code, reason)
