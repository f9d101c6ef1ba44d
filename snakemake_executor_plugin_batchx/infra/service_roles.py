"""The roles that AWS's services have in an account, which Batch cannot do without."""

import re
from collections.abc import Callable
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.denials import DENIED_CODES
from snakemake_executor_plugin_batchx.infra.asking import ask_aws
from snakemake_executor_plugin_batchx.infra.options import StackOptions

BATCH = "batch.amazonaws.com"
SPOT = "spot.amazonaws.com"
"""Of spot instances: in an account that never had one, Batch may not make this role, and waits for
instances for ever (https://github.com/runs-on/runs-on/issues/233,
https://docs.aws.amazon.com/batch/latest/userguide/spot_fleet_IAM_role.html)."""

ROLES = {BATCH: "AWSServiceRoleForBatch", SPOT: "AWSServiceRoleForEC2Spot"}
"""https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
"""

TITLES = {BATCH: "AWS Batch", SPOT: "spot instances"}

LACKED = {
    BATCH: "Batch refuses to make compute environments",
    SPOT: "no spot instance ever starts, and jobs wait in RUNNABLE",
}
"""What happens where an account has not the role."""

THERE_ALREADY = re.compile("has been taken in this account|already exists")
"""Where the first is from: tests/aws_messages/stacks.json; the embedded IAM says the other."""

NO_ROLE = "NoSuchEntity"


class IamClient(Protocol):
    """The methods of boto3's IAM client that we use."""

    def get_role(self, *, RoleName: str) -> dict[str, Any]: ...  # noqa: D102, N803

    def create_service_linked_role(  # noqa: D102
        self,
        *,
        AWSServiceName: str,  # noqa: N803
    ) -> dict[str, Any]: ...


def list_services(options: StackOptions) -> list[str]:
    """Return the services whose roles a stack needs."""
    return [BATCH, SPOT] if options.is_spot else [BATCH]


def provide_service_role(client: IamClient, service: str, tell: Callable[[str], None]) -> None:
    """Make a service's role unless it is there. Raises AwsError where IAM refuses.

    Whoever may neither look nor make it is told what happens if it is not there.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html
    """
    is_there = _find_role(client, ROLES[service])
    if is_there:
        return
    try:
        ask_aws(
            "iam:CreateServiceLinkedRole",
            lambda: client.create_service_linked_role(AWSServiceName=service),
        )
    except AwsError as error:
        if THERE_ALREADY.search(str(error)):
            return
        if is_there is None and error.code in DENIED_CODES:
            tell(
                f"whether the account has the role {ROLES[service]} is unknown, for iam:GetRole is "
                f"not allowed, nor is iam:CreateServiceLinkedRole; without it {LACKED[service]}"
            )
            return
        raise
    else:
        tell(
            f"made the service-linked role {ROLES[service]}, which every account that uses "
            f"{TITLES[service]} has; infra down leaves it"
        )


def _find_role(client: IamClient, name: str) -> bool | None:
    """Tell whether a role is there; None where we may not ask."""
    try:
        ask_aws("iam:GetRole", lambda: client.get_role(RoleName=name))
    except AwsError as error:
        if error.code == NO_ROLE:
            return False
        if error.code in DENIED_CODES:
            return None
        raise
    return True
