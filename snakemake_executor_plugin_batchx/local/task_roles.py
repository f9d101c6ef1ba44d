"""The roles of a task: what ECS does with them is asked for here."""

from __future__ import annotations

from typing import Protocol

from snakemake_executor_plugin_batchx.local.iam.principals import Principal
from snakemake_executor_plugin_batchx.local.orders import StartOrder


class TaskRoles(Protocol):
    """Who knows what the roles of tasks may do."""

    def find_denial(self, task: StartOrder, action: str, resource: str) -> str | None:
        """Why ECS may not do something for a task; None if it may.

        It acts with the execution role; on EC2, for a task without one, with the instance's.
        Hosts that their owner manages have whatever role their owner chose.
        Returns AWS's sentence.
        """

    def find_principal(self, task: StartOrder) -> Principal:
        """Who ECS is when it does something for a task."""

    def is_assumable(self, role_arn: str) -> bool:
        """Whether a role is there, and trusts ECS's tasks."""
