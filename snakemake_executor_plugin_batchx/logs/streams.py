"""Which log streams a job's containers write to, as DescribeJobs tells it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.container_logs import (
    CLOUDWATCH_DRIVER,
    find_containers,
    find_driver,
    find_log_address,
)

DEFAULT_CONTAINER = "default"
"""What Batch calls the container of a definition that has one only."""

ENDED = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class LogStream:
    """Where a container of one attempt of a job writes to; attempts are numbered from 1.

    `region` is None where it is the job's own. `has_ended` says that the attempt has ended.
    """

    attempt: int
    container: str
    group: str
    stream: str
    has_ended: bool
    region: str | None = None


def find_streams(detail: dict[str, Any]) -> tuple[LogStream, ...]:
    """Return the streams of a job, an entry of DescribeJobs, by attempt and container.

    Those of an attempt that never ran a container are missing, and so are those of containers
    that log elsewhere than to CloudWatch. `attempts` tells of attempts that have ended, the job's
    own containers of the newest attempt, and alone of where they log to.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html
    """
    settings = dict(_iter_containers(detail))
    found = []
    attempts = detail.get("attempts", [])
    for number, attempt in enumerate(attempts, start=1):
        for name, container in _iter_containers(attempt):
            found += _find_stream(number, name, container, settings.get(name, {}), has_ended=True)
    known = {each.stream for each in found}
    has_ended = detail["status"] in ENDED
    for name, container in settings.items():
        newest = _find_stream(len(attempts) + 1, name, container, container, has_ended=has_ended)
        # Between two attempts it is the earlier one that the job's own containers tell of.
        found += [each for each in newest if each.stream not in known]
    return tuple(found)


def list_containers(detail: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of a job's containers, an entry of DescribeJobs."""
    return tuple(name for name, _ in _iter_containers(detail))


def find_other_driver(detail: dict[str, Any]) -> str | None:
    """Return the log driver of the first container that does not log to CloudWatch, if any."""
    drivers = [find_driver(container) for container in find_containers(detail)]
    return next((driver for driver in drivers if driver != CLOUDWATCH_DRIVER), None)


def _iter_containers(holder: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the containers of a job or of an attempt with their names."""
    for container in find_containers(holder):
        yield container.get("name", DEFAULT_CONTAINER), container


def _find_stream(
    attempt: int,
    name: str,
    container: dict[str, Any],
    settings: dict[str, Any],
    *,
    has_ended: bool,
) -> list[LogStream]:
    """Return a container's stream in a list, which is empty where it has none."""
    place = find_log_address(container, settings)
    if place is None:
        return []
    return [LogStream(attempt, name, place.group, place.stream, has_ended, place.region)]
