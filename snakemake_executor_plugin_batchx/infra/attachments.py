"""Who has the policy of a stack: IAM deletes none that anybody has."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.infra.asking import ask_aws, iter_pages

GONE = "NoSuchEntity"


class IamClient(Protocol):
    """The methods of boto3's IAM client that we use."""

    def list_entities_for_policy(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def detach_user_policy(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def detach_group_policy(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def detach_role_policy(self, **request: str) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class Holder:
    """A user, group or role (`kind`) that a policy is attached to."""

    kind: str
    name: str


KINDS = ("User", "Group", "Role")


class PolicyAttachments:
    """The attachments of managed policies. Every method raises AwsError where IAM refuses."""

    def __init__(self, client: IamClient) -> None:
        self._client = client
        self._detach: Mapping[str, Callable[..., Any]] = {
            "User": client.detach_user_policy,
            "Group": client.detach_group_policy,
            "Role": client.detach_role_policy,
        }

    def list_holders(self, policy_arn: str) -> list[Holder]:
        """Return who has a policy; nobody where it is gone.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html
        """
        # As a permissions boundary it cannot be detached, and has nothing to do with what we say.
        request = {"PolicyArn": policy_arn, "PolicyUsageFilter": "PermissionsPolicy"}
        list_page = self._client.list_entities_for_policy
        try:
            return [
                Holder(kind, str(each[f"{kind}Name"]))
                for page in iter_pages("iam:ListEntitiesForPolicy", list_page, request, "Marker")
                for kind in KINDS
                for each in page.get(f"Policy{kind}s", ())
            ]
        except AwsError as error:
            if error.code == GONE:
                return []
            raise

    def detach(self, policy_arn: str, holder: Holder) -> None:
        """Take a policy from who has it; one who is gone does not matter."""
        request = {f"{holder.kind}Name": holder.name, "PolicyArn": policy_arn}
        call = functools.partial(self._detach[holder.kind], **request)
        try:
            ask_aws(f"iam:Detach{holder.kind}Policy", call)
        except AwsError as error:
            if error.code != GONE:
                raise
