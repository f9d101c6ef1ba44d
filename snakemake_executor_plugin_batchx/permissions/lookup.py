"""What a call's permission is called, for sentences that name it."""

import functools

from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS


def find_action(service: str, operation: str) -> str:
    """Return the IAM action of a call, such as batch:TerminateJob of TerminateJobs.

    `service` is what IAM calls it. What the table does not know has its own name.
    """
    return _list_actions().get(f"{service}.{operation}", f"{service}:{operation}")


@functools.cache
def _list_actions() -> dict[str, str]:
    """Return the action that each call needs first."""
    actions: dict[str, str] = {}
    for row in PERMISSIONS:
        actions.setdefault(row.call, row.actions[0])
    return actions
