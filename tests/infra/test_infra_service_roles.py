from typing import Any

import pytest
from botocore.exceptions import ClientError
from infra.scripted_stacks import make_error

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.service_roles import (
    list_services,
    provide_service_role,
)

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "x")
LACKING = ClientError({"Error": {"Code": "NoSuchEntity", "Message": "no such role"}}, "x")


class Iam:
    """IAM that answers a look (nothing, or an error) and the making of a role."""

    def __init__(
        self, look: ClientError | None = LACKING, error: ClientError | None = None
    ) -> None:
        self.look = look
        self.error = error
        self.looked: list[str] = []
        self.asked: list[str] = []

    def get_role(self, *, RoleName: str) -> dict[str, Any]:  # noqa: N803
        self.looked.append(RoleName)
        if self.look:
            raise self.look
        return {}

    def create_service_linked_role(self, *, AWSServiceName: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(AWSServiceName)
        if self.error:
            raise self.error
        return {}


def provide(iam: Iam) -> list[str]:
    told: list[str] = []
    provide_service_role(iam, "spot.amazonaws.com", told.append)
    return told


def test_spot_instances_have_a_role_of_their_own() -> None:
    assert list_services(StackOptions()) == ["batch.amazonaws.com"]
    assert list_services(StackOptions(is_spot=True))[1:] == ["spot.amazonaws.com"]


def test_a_role_that_is_made_is_told_of() -> None:
    iam = Iam()
    assert provide(iam) == [
        "made the service-linked role AWSServiceRoleForEC2Spot, which every account that uses spot "
        "instances has; infra down leaves it"
    ]
    assert iam.looked == ["AWSServiceRoleForEC2Spot"]
    assert iam.asked == ["spot.amazonaws.com"]


def test_one_that_is_there_is_not_asked_for_and_takes_no_right_to_make_it() -> None:
    iam = Iam(look=None, error=DENIED)
    assert provide(iam) == []
    assert iam.asked == []


def test_one_that_is_there_but_must_not_be_looked_at() -> None:
    assert provide(Iam(look=DENIED, error=make_error("role there"))) == []


def test_one_that_may_be_there_is_told_of() -> None:
    (told,) = provide(Iam(look=DENIED, error=DENIED))
    assert "AWSServiceRoleForEC2Spot is unknown" in told
    assert "no spot instance ever starts" in told


def test_a_refusal_is_raised_where_it_is_not_there() -> None:
    with pytest.raises(AwsError, match="iam:CreateServiceLinkedRole"):
        provide(Iam(error=DENIED))


def test_another_failure_is_raised() -> None:
    other = ClientError({"Error": {"Code": "ServiceFailure", "Message": "no"}}, "x")
    with pytest.raises(AwsError, match="iam:GetRole"):
        provide(Iam(look=other))
