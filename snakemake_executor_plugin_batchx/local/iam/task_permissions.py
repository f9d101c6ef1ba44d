"""What the roles of tasks may do, by IAM. Implements TaskRoles."""

from __future__ import annotations

from snakemake_executor_plugin_batchx.local.iam.authority import AccessDeniedError, Authority
from snakemake_executor_plugin_batchx.local.iam.encryption import (
    SECRETS,
    Encryption,
    tell_denial,
)
from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.iam.principals import Principal
from snakemake_executor_plugin_batchx.local.iam.resource_names import AccountNames
from snakemake_executor_plugin_batchx.local.iam.service_rows import ECS_TASKS
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.orders import StartOrder


class TaskPermissions:
    """See the module.

    Args:
        identity: account and region.
        authority: decides.
    """

    def __init__(self, identity: Identity, authority: Authority):
        self._authority = authority
        self._encryption = Encryption(identity)
        self._names = AccountNames(identity, authority.sessions)

    def find_denial(self, task: StartOrder, action: str, resource: str) -> str | None:
        """See TaskRoles."""
        needs = [Need(action, resource)]
        service, _, operation = action.partition(":")
        if service == SECRETS:
            needs += self._encryption.list_secret_needs(operation, {"SecretId": resource})
        try:
            self._authority.check(self.find_principal(task), needs, {})
        except AccessDeniedError as error:
            return tell_denial(error, service)
        return None

    def find_principal(self, task: StartOrder) -> Principal:
        """See TaskRoles."""
        principals = self._authority.principals
        if task.execution_role_arn is not None:
            role, session = task.execution_role_arn.rpartition("/")[2], task.task_id
        elif task.instance_profile:
            found = self._names.find_profile_role(task.instance_profile)
            role, session = found or task.instance_profile.rpartition("/")[2], task.instance_id
        else:
            return principals.root
        return principals.make_role_principal(role, session)

    def is_assumable(self, role_arn: str) -> bool:
        """See TaskRoles."""
        return self._authority.is_assumable(role_arn, ECS_TASKS)
