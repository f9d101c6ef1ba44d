"""Whether IAM roles are there, and let themselves be assumed by whom they are for."""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    make_failure,
    make_ok,
    make_warning,
)
from snakemake_executor_plugin_batchx.checks.queues import ProfileUse
from snakemake_executor_plugin_batchx.checks.table import (
    EXECUTION_ROLE,
    HEAD_ROLE,
    INSTANCE_ROLE,
    JOB_ROLE,
)
from snakemake_executor_plugin_batchx.plan.principals import ECS_TASKS

EC2 = "ec2.amazonaws.com"

ASSUME = "sts:assumerole"

KINDS = {JOB_ROLE: "Job role", EXECUTION_ROLE: "Execution role", HEAD_ROLE: "Head role"}
"""What roles are called, by the checks of them."""


@dataclass(frozen=True)
class RoleWish:
    """A role that is named by its ARN: for what, and by whom."""

    check: str
    arn: str
    who: str

    @property
    def named(self) -> str:
        """What sentences call it."""
        return f"{KINDS[self.check]} {self.arn} ({self.who})"

    @property
    def name(self) -> str:
        """Its name, without the path before it."""
        return self.arn.rpartition("/")[2]

    @property
    def account(self) -> str:
        """The account that it is of."""
        return self.arn.split(":")[4]


def judge_account(wish: RoleWish, account: str) -> Finding | None:
    """Return what is wrong with a role of another account than the queue's, None without it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    if not account or wish.account == account:
        return None
    return make_failure(
        wish.check,
        f"{wish.named} is of account {wish.account}, the queue of {account}, and roles cannot be "
        "passed to another account",
        f"name one of {account}, which may assume it",
    )


def judge_role(wish: RoleWish, role: Mapping[str, Any] | None) -> Finding:
    """Return what GetRole says of a role; None where there is none.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
    """
    if role is None:
        return make_failure(wish.check, f"{wish.named} does not exist", "make it, or name another")
    if role["Arn"] != wish.arn:
        return make_failure(
            wish.check, f"{wish.named} does not exist", f"the role of that name is {role['Arn']}"
        )
    if not is_trusting(role.get("AssumeRolePolicyDocument") or {}, ECS_TASKS):
        return make_failure(
            wish.check,
            f"{wish.named} does not trust {ECS_TASKS}, so no job can have it",
            f"allow {ECS_TASKS} sts:AssumeRole in its trust policy (aws iam "
            f"update-assume-role-policy --role-name {wish.name})",
        )
    return make_ok(wish.check, f"{wish.arn} exists and trusts {ECS_TASKS}")


def judge_profile(use: ProfileUse, profile: Mapping[str, Any] | None) -> Finding:
    """Return what GetInstanceProfile says of what compute environments call instanceRole.

    Where each queue has another environment, what is wrong is a warning.
    https://docs.aws.amazon.com/batch/latest/userguide/instance_IAM_role.html
    """
    make = make_failure if use.is_needed else make_warning
    name = use.profile.rpartition("/")[2]
    plural = "s" if len(use.environments) > 1 else ""
    of = f"of compute environment{plural} {', '.join(use.environments)}"
    named = f"Instance profile {name} {of}"
    if profile is None:
        return make(
            INSTANCE_ROLE,
            f"{named} does not exist, so no instance can start",
            "make it, or give the compute environment another (a role alone is no profile: aws iam "
            "create-instance-profile)",
        )
    roles = profile.get("Roles") or []
    if not roles:
        return make(
            INSTANCE_ROLE,
            f"{named} holds no role, so instances cannot join the cluster",
            f"add one (aws iam add-role-to-instance-profile --instance-profile-name {name})",
        )
    if not is_trusting(roles[0].get("AssumeRolePolicyDocument") or {}, EC2):
        return make(
            INSTANCE_ROLE,
            f"Role {roles[0]['RoleName']} in instance profile {name} {of} does not trust {EC2}",
            f"allow {EC2} sts:AssumeRole in its trust policy (aws iam update-assume-role-policy "
            f"--role-name {roles[0]['RoleName']})",
        )
    return make_ok(INSTANCE_ROLE, f"{name} exists and its role trusts {EC2}")


def is_trusting(document: Mapping[str, Any], service: str) -> bool:
    """Tell whether a trust policy lets a service assume its role.

    Conditions cannot be judged from here: an Allow with one counts, a Deny does not.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    effects = {
        statement.get("Effect")
        for statement in _list(document.get("Statement"))
        if _is_about(statement, service)
        and not (statement.get("Effect") == "Deny" and statement.get("Condition"))
    }
    return effects == {"Allow"}


def _is_about(statement: Mapping[str, Any], service: str) -> bool:
    return _has_action(statement) and _has_principal(statement, service)


def _has_action(statement: Mapping[str, Any]) -> bool:
    if "NotAction" in statement:
        return not _matches_action(statement["NotAction"])
    return _matches_action(statement.get("Action"))


def _matches_action(actions: Any) -> bool:
    return any(fnmatch.fnmatchcase(ASSUME, str(each).lower()) for each in _list(actions))


def _has_principal(statement: Mapping[str, Any], service: str) -> bool:
    if "NotPrincipal" in statement:
        excepted = _iter_principals(statement["NotPrincipal"])
        return not any(_is_same(each, service) for each in excepted)
    return any(
        each == "*" or _is_same(each, service)
        for each in _iter_principals(statement.get("Principal"))
    )


def _is_same(principal: str, service: str) -> bool:
    """Tell whether a principal is a service, whose domain is another in some partitions.

    ec2.amazonaws.com is ec2.amazonaws.com.cn in China, and ec2.c2s.ic.gov in aws-iso
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html,
    https://github.com/eksctl-io/eksctl/blob/main/pkg/apis/eksctl.io/v1alpha5/partitions.go).
    """
    return principal.partition(".")[0] == service.partition(".")[0]


def _iter_principals(principal: Any) -> Iterator[str]:
    """Yield the services that a Principal names, and "*" where it names everybody."""
    if isinstance(principal, Mapping):
        yield from map(str, _list(principal.get("Service")))
        yield from (each for each in _list(principal.get("AWS")) if each == "*")
    else:
        yield from (each for each in _list(principal) if each == "*")


def _list(value: Any) -> list[Any]:
    """Return what a policy may give once or several times."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
