"""Where containers log to, as job definitions have it and DescribeJobs tells it."""

from dataclasses import dataclass
from typing import Any

DEFAULT_LOG_GROUP = "/aws/batch/job"
"""Where the output of containers goes whose definition names no group; Batch makes it with the
first job (https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html)."""

CLOUDWATCH_DRIVER = "awslogs"


@dataclass(frozen=True)
class LogAddress:
    """A log stream of CloudWatch; `region` is None where it is the job's own."""

    group: str
    stream: str
    region: str | None = None


def find_containers(holder: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a job or of an attempt, which DescribeJobs tells in two ways.

    Those of a definition with several (`ecsProperties`) have names, a single one has none.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html
    """
    tasks = [
        *holder.get("taskProperties", []),
        *holder.get("ecsProperties", {}).get("taskProperties", []),
    ]
    if holder.get("container") and not tasks:
        return [holder["container"]]
    return [container for task in tasks for container in task.get("containers", [])]


def find_driver(settings: dict[str, Any]) -> str:
    """Return the log driver of a container, as its definition or its job tells it."""
    return str(settings.get("logConfiguration", {}).get("logDriver", CLOUDWATCH_DRIVER))


def find_log_address(container: dict[str, Any], settings: dict[str, Any]) -> LogAddress | None:
    """Return where a container wrote to, None if it never ran, or does not log to CloudWatch.

    An attempt tells of the stream alone; `settings` are the container's as its job tells them.
    """
    if not container.get("logStreamName") or find_driver(settings) != CLOUDWATCH_DRIVER:
        return None
    options = settings.get("logConfiguration", {}).get("options", {})
    return LogAddress(
        group=options.get("awslogs-group", DEFAULT_LOG_GROUP),
        stream=container["logStreamName"],
        region=options.get("awslogs-region"),
    )
