"""The generated policies of an embedded account, for exactly what a test uses."""

import dataclasses
from typing import Any

from snakemake_executor_plugin_batchx.aws.partitions import find_partition
from snakemake_executor_plugin_batchx.local.grants import give_policy
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws, make_environment
from snakemake_executor_plugin_batchx.permissions.row import EXECUTION, HOLDERS, INSTANCE, JOB
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.storage.layout import make_s3_root


def make_scope(aws: EmbeddedAws, s3_root: str) -> Scope:
    """Return what a run with an embedded AWS's own queue and this S3 root uses."""
    identity = Identity(region=aws.region, partition=find_partition(aws.region))
    root = make_s3_root(s3_root)
    return Scope(
        identity.partition,
        identity.region,
        identity.account_id,
        queues=(aws.job_queue,),
        area=S3Place(root.bucket, root.prefix),
    )


def make_head_environment(aws: EmbeddedAws) -> dict[str, str]:
    """Return the variables with which a run uses an embedded AWS, with the head's key."""
    return {
        **make_environment(aws),
        "AWS_ACCESS_KEY_ID": aws.head_access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.head_secret_access_key,
    }


class Grants:
    """Gives the account's head, and roles of jobs, ECS and instances, their policies.

    Roles that the scope names beside the account's own get those of jobs and of ECS.
    """

    def __init__(self, iam: Any, scope: Scope):
        self._iam = iam
        self.scope = scope
        self._give()

    def allow(self, **more: Any) -> None:
        """Widen the scope, by fields of Scope: tuples are added to, all else is replaced."""
        changes = {
            name: (*getattr(self.scope, name), *value) if isinstance(value, tuple) else value
            for name, value in more.items()
        }
        self.scope = dataclasses.replace(self.scope, **changes)
        self._give()

    def _give(self) -> None:
        identity = Identity(self.scope.account_id, self.scope.region, self.scope.partition)
        there = {role["Arn"]: role["RoleName"] for role in self._iam.list_roles()["Roles"]}
        named = {JOB: self.scope.job_roles, EXECUTION: self.scope.execution_roles}
        for holder in HOLDERS:
            more = [there[arn] for arn in named.get(holder, ()) if arn in there]
            scope = self.scope
            if holder == INSTANCE:
                # Rules that name no roles have those of the instances.
                scope = dataclasses.replace(scope, job_roles=(), execution_roles=())
            give_policy(self._iam, identity, holder, scope, more)
