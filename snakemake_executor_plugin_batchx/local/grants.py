"""The generated policies, as managed policies of an account's users and roles.

``iam`` is a client throughout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.permissions.policy import make_policy
from snakemake_executor_plugin_batchx.permissions.row import EXECUTION, HEAD, INSTANCE, JOB, Holder
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.storage.layout import AREA

HEAD_USER = "batchx-local-head"
HEAD_ROLE = "batchx-local-detached"
JOB_ROLE = "batchx-local-job"
EXECUTION_ROLE = "batchx-local-execution"
INSTANCE_ROLE = "ecsInstanceRole"

HOLDER_NAMES: dict[Holder, str] = {
    HEAD: HEAD_USER,
    JOB: JOB_ROLE,
    EXECUTION: EXECUTION_ROLE,
    INSTANCE: INSTANCE_ROLE,
}
"""Whose the generated policies are in a fresh account. The head is a user, all others are roles."""


def make_account_scope(identity: Identity, bucket: str) -> Scope:
    """All that an account holds and ever will: whoever tries things out in it names them later."""
    role = f"arn:{identity.partition}:iam::{identity.account_id}:role/*"
    return Scope(
        identity.partition,
        identity.region,
        identity.account_id,
        queues=("*",),
        area=S3Place(bucket, f"batchx/{AREA}"),
        writes=(S3Place("*"),),
        repositories=("*",),
        job_roles=(role,),
        execution_roles=(role,),
        log_groups=("*",),
        secrets=(
            f"arn:{identity.partition}:secretsmanager:*:{identity.account_id}:secret:*",
            f"arn:{identity.partition}:ssm:*:{identity.account_id}:parameter/*",
        ),
        logins=(f"arn:{identity.partition}:secretsmanager:*:{identity.account_id}:secret:*",),
        consumables=("*",),
    )


def give_policy(
    iam: Any, identity: Identity, holder: Holder, scope: Scope, more: Iterable[str] = ()
) -> None:
    """Gives one of HOLDER_NAMES, and other roles by name, the policy for a scope and no other."""
    document = json.dumps(make_policy(holder, scope), separators=(",", ":"))
    name = f"batchx-{holder}"
    arn = f"arn:{identity.partition}:iam::{identity.account_id}:policy/{name}"
    try:
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    except iam.exceptions.NoSuchEntityException:
        iam.create_policy(PolicyName=name, PolicyDocument=document)
        versions = []
    else:
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    # A policy has five versions at most.
    for version in versions:
        iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    if holder == HEAD:
        iam.attach_user_policy(UserName=HOLDER_NAMES[holder], PolicyArn=arn)
        iam.attach_role_policy(RoleName=HEAD_ROLE, PolicyArn=arn)
        return
    for role in (HOLDER_NAMES[holder], *more):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
