"""Prices as AWS's Price List and EC2 tell them, in answers of their form."""

import json
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.prices import (
    find_fargate_prices,
    find_products,
    find_spot_prices,
)
from snakemake_executor_plugin_batchx.errors import BatchxError


def make_entry(attributes: dict[str, str], usd: str, currency: str = "USD") -> str:
    """Return an entry of GetProducts, as the documentation of the Price List shows them.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
    """
    dimension = {"unit": "Hrs", "pricePerUnit": {currency: usd}}
    terms = {"OnDemand": {"SKU.1": {"priceDimensions": {"SKU.1.1": dimension}}}}
    return json.dumps({"product": {"attributes": attributes}, "terms": terms})


LARGE = {"instanceType": "m5.large", "vcpu": "2", "memory": "8 GiB"}
GPU = {"instanceType": "p5.48xlarge", "vcpu": "192", "memory": "2,048 GiB", "gpu": "8"}


class MadeAws:
    """Answers with these entries, each on a page of its own."""

    def __init__(self, *entries: str, spot: tuple[dict[str, str], ...] = ()) -> None:
        self.entries = entries
        self.spot = spot
        self.opened: list[tuple[str, str]] = []
        self.requests: list[dict[str, Any]] = []

    def open(self, service: str, region: str) -> Any:
        self.opened.append((service, region))
        return SimpleNamespace(
            get_products=self.get_products, describe_spot_price_history=self.get_history
        )

    def get_products(self, **request: Any) -> Any:
        self.requests.append(request)
        page = int(request.get("NextToken", "0"))
        more = {"NextToken": str(page + 1)} if page + 1 < len(self.entries) else {}
        return {"PriceList": list(self.entries[page : page + 1]), **more}

    def get_history(self, **request: Any) -> Any:
        self.requests.append(request)
        return {"SpotPriceHistory": list(self.spot), "NextToken": ""}


def test_instances_on_demand() -> None:
    aws = MadeAws(make_entry(LARGE, "0.0"), make_entry(LARGE, "0.0960"), make_entry(GPU, "55.04"))
    products = find_products(aws.open, "aws", "us-east-1", ["m5.large"])
    assert [(each.name, each.usd_per_hour) for each in products] == [
        ("m5.large", 0.096),
        ("p5.48xlarge", 55.04),
    ]
    assert (products[1].vcpus, products[1].memory_gib, products[1].gpus) == (192, 2048, 8)
    asked = {each["Field"]: each["Value"] for each in aws.requests[0]["Filters"]}
    assert asked["instanceType"] == "m5.large"
    assert asked["regionCode"] == "us-east-1"
    assert aws.opened == [("pricing", "us-east-1")]


def test_china_has_a_price_list_of_its_own_and_another_currency() -> None:
    aws = MadeAws(make_entry(LARGE, "0.7", "CNY"))
    assert find_products(aws.open, "aws-cn", "cn-north-1", ["m5.large"]) == []
    assert aws.opened == [("pricing", "cn-northwest-1")]
    with pytest.raises(BatchxError, match="aws-iso"):
        find_products(aws.open, "aws-iso", "us-iso-east-1", ["m5.large"])


def test_fargate() -> None:
    usages = {
        "EU-Fargate-vCPU-Hours:perCPU": "0.04",
        "EU-Fargate-GB-Hours": "0.004",
        "EU-Fargate-ARM-vCPU-Hours:perCPU": "0.03",
        "EU-Fargate-ARM-GB-Hours": "0.003",
        "EU-SpotUsage-Fargate-vCPU-Hours:perCPU": "0.01",
        "EU-Fargate-EphemeralStorage-GB-Hours": "0.1",
        "EU-ECS-Anywhere-Instance-hours": "0.01",
    }
    aws = MadeAws(*(make_entry({"usagetype": k}, usd) for k, usd in usages.items()))
    assert find_fargate_prices(aws.open, "aws", "eu-west-1") == {
        ("fargate-vcpu", "amd64"): 0.04,
        ("fargate-gb", "amd64"): 0.004,
        ("fargate-vcpu", "arm64"): 0.03,
        ("fargate-gb", "arm64"): 0.003,
    }


def test_spot_prices_are_the_newest_of_each_zone() -> None:
    told = [("a", "0.03"), ("a", "0.02"), ("b", "0.04")]
    history = tuple(
        {"InstanceType": "m5.large", "AvailabilityZone": f"eu-west-1{z}", "SpotPrice": p}
        for z, p in told
    )
    found = find_spot_prices(MadeAws(spot=history).open, "eu-west-1", ["m5.large"], 1.8e9)
    assert found == {("m5.large", "eu-west-1a"): 0.03, ("m5.large", "eu-west-1b"): 0.04}


def test_a_refusal_names_the_permission() -> None:
    def refuse(**_: Any) -> Any:
        answer = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        raise botocore.exceptions.ClientError(answer, "GetProducts")

    client = SimpleNamespace(get_products=refuse, describe_spot_price_history=refuse)
    with pytest.raises(AwsError, match="pricing:GetProducts"):
        find_products(lambda *_: client, "aws", "us-east-1", ["m5.large"])
    with pytest.raises(AwsError, match="ec2:DescribeSpotPriceHistory"):
        find_spot_prices(lambda *_: client, "us-east-1", ["m5.large"], 0.0)
