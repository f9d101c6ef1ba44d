from typing import Any

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.subnets import check_subnets

THERE = {"subnet-a": "vpc-1", "subnet-b": "vpc-2"}


class Ec2:
    def describe_subnets(self, **request: Any) -> dict[str, Any]:
        (wanted,) = request["Filters"]
        assert wanted["Name"] == "subnet-id"
        found = [{"SubnetId": each, "VpcId": THERE[each]} for each in THERE]
        return {"Subnets": [each for each in found if each["SubnetId"] in wanted["Values"]]}


def test_subnets_of_the_vpc_are_taken() -> None:
    check_subnets(Ec2(), "vpc-1", ["subnet-a"])


def test_all_others_are_told() -> None:
    with pytest.raises(BatchxError) as caught:
        check_subnets(Ec2(), "vpc-1", ["subnet-a", "subnet-b", "subnet-c"])
    assert str(caught.value) == (
        "Subnet subnet-b (--subnet) is not in VPC vpc-1 (--vpc) but in vpc-2: name one of the same "
        "VPC. Subnet subnet-c (--subnet) is not in this region of the account: check its id, and "
        "--region."
    )
