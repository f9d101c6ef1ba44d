"""The seam between the Batch and what runs its jobs.

A runner is told what to do by orders and tells what happened through ``RunnerEvents``. It owns
everything of an attempt that is not the Batch's: processes or containers, scratch, environment as
ECS sets it, logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import StartOrder

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
"""Source: https://repost.aws/knowledge-center/batch-job-failure-outofmemory-error"""


# The words of dockerd, runc and the awslogs driver as ECS passes them on.
DAEMON = "CannotStartContainerError: Error response from daemon: "
NO_LOG_GROUP = (
    DAEMON + "failed to initialize logging driver: failed to create Cloudwatch log stream: "
    "ResourceNotFoundException: The specified log group does not exist."
)


class RunnerEvents(Protocol):
    """What a runner reports, from any thread."""

    def report_started(self, attempt_id: str) -> None:
        """All containers of the attempt run."""

    def report_exited(self, attempt_id: str, results: Sequence[ContainerResult]) -> None:
        """The attempt is over and nothing of it is left.

        ``results`` starts with the container that ended it.

        Also without ``report_started`` before it, where a container could not start.
        """

    def report_host_lost(self, attempt_id: str, instance_id: str) -> None:
        """The host of the attempt is gone (a spot interruption), and with it all that ran there.

        For runners whose hosts may go; this machine stays.
        """


class Runner(Protocol):
    """Runs attempts. ``start``, ``stop`` and ``kill`` return at once and come from one thread."""

    def start(self, order: StartOrder) -> None:
        """Starts the attempt's containers, or reports why not."""

    def stop(self, attempt_id: str) -> None:
        """Sends SIGTERM to the attempt; nothing happens if it is over."""

    def kill(self, attempt_id: str) -> None:
        """Sends SIGKILL to the attempt; nothing happens if it is over."""

    def close(self) -> None:
        """Kills every attempt and removes what they left."""
