"""The prices that a run needs, asked for in few calls, and no more of them."""

from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.price_asking import ask_prices
from snakemake_executor_plugin_batchx.report.rows import (
    BatchJob,
    JobRow,
    Machine,
    RunRecord,
    Start,
)


class MadeAws:
    """Knows one price on demand and one of spot; refuses the services in `denied`."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied
        self.calls: list[str] = []

    def open(self, service: str, _region: str) -> Any:
        def check(answer: dict[str, Any], name: str) -> dict[str, Any]:
            self.calls.append(name)
            if service in self.denied:
                told = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
                raise botocore.exceptions.ClientError(told, name)
            return answer

        history = [
            {"InstanceType": "m5.large", "AvailabilityZone": "eu-west-1a", "SpotPrice": "0.03"}
        ]
        return SimpleNamespace(
            get_products=lambda **request: check({"PriceList": []}, request["ServiceCode"]),
            describe_spot_price_history=lambda **_: check({"SpotPriceHistory": history}, "spot"),
        )


def make_run(*machines: Machine | None, environments: tuple[str, ...] = ("EC2",)) -> RunRecord:
    starts = tuple(Start(0.0, 1.0, machine) for machine in machines)
    job = BatchJob(0.0, 0.0, 1.0, starts, environments)
    return RunRecord("r", begun=1.8e9, jobs=(JobRow("000001", batch_jobs=(job,)),))


LARGE, SPOT = Machine("m5.large", "eu-west-1a", "on-demand"), Machine("c5.large", None, "spot")


@pytest.mark.parametrize(
    ("run", "calls"),
    [
        (make_run(LARGE, LARGE), ["AmazonEC2"]),
        (make_run(LARGE, SPOT), ["AmazonEC2", "AmazonEC2", "spot"]),
        (make_run(Machine("m5.large")), ["AmazonEC2", "spot"]),
        (make_run(None, environments=("FARGATE",)), ["AmazonECS"]),
        (make_run(None), []),
        (RunRecord("r"), []),
    ],
)
def test_what_is_needed_is_asked_for(run: RunRecord, calls: list[str]) -> None:
    aws = MadeAws()
    table = ask_prices(aws.open, "eu-west-1", run)
    assert aws.calls == calls
    assert "eu-west-1" in table.source
    assert table.zones == ({("m5.large", "eu-west-1a"): 0.03} if "spot" in calls else {})


def test_without_prices_of_spot_those_on_demand_stand_and_that_is_said() -> None:
    table = ask_prices(MadeAws("ec2").open, "eu-west-1", make_run(SPOT))
    assert "without those of spot" in table.source
    assert "ec2:DescribeSpotPriceHistory" in table.source


def test_without_the_price_list_there_are_none() -> None:
    with pytest.raises(AwsError, match="pricing:GetProducts"):
        ask_prices(MadeAws("pricing").open, "eu-west-1", make_run(LARGE))
