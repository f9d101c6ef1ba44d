"""What machines cost, as AWS's Price List and EC2's history of spot prices tell it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from snakemake_executor_plugin_batchx.aws.errors import CALL_ERRORS, explain_error
from snakemake_executor_plugin_batchx.errors import BatchxError

PRICE_LIST_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
"""Where the Price List answers, by partition
(https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html)."""

PLAIN_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}

FARGATE_USAGE = {
    "Fargate-vCPU-Hours:perCPU": ("fargate-vcpu", "amd64"),
    "Fargate-GB-Hours": ("fargate-gb", "amd64"),
    "Fargate-ARM-vCPU-Hours:perCPU": ("fargate-vcpu", "arm64"),
    "Fargate-ARM-GB-Hours": ("fargate-gb", "arm64"),
}
"""Ends of `usagetype`, which begins with a region's short name."""


@dataclass(frozen=True)
class Product:
    """An instance type on demand: what it has, and US dollars an hour."""

    name: str
    vcpus: float
    memory_gib: float
    gpus: float
    usd_per_hour: float


MakeClient = Callable[[str, str], Any]


def find_products(
    make_client: MakeClient, partition: str, region: str, types: Iterable[str]
) -> list[Product]:
    """Return instance types of a region with their price on demand, those that have one.

    Raises BatchxError where the Price List does not tell.
    """
    products = []
    for name in types:
        filters = {"instanceType": name, "regionCode": region, **PLAIN_LINUX}
        products += [
            interpret_product(entry)
            for entry in _iter_entries(make_client, partition, "AmazonEC2", filters)
            if _find_usd(entry) is not None
        ]
    return products


def find_fargate_prices(
    make_client: MakeClient, partition: str, region: str
) -> dict[tuple[str, str], float]:
    """Return US dollars an hour of a vCPU and a GB of Fargate, by those and the processor."""
    found = {}
    for entry in _iter_entries(make_client, partition, "AmazonECS", {"regionCode": region}):
        usage, usd = entry["product"]["attributes"].get("usagetype", ""), _find_usd(entry)
        for ending, key in FARGATE_USAGE.items():
            is_spot = "Spot" in usage
            is_meant = not is_spot and (usage == ending or usage.endswith(f"-{ending}"))
            if is_meant and usd is not None:
                found[key] = usd
    return found


def find_spot_prices(
    make_client: MakeClient, region: str, types: Iterable[str], when_seconds: float
) -> dict[tuple[str, str], float]:
    """Return what instance types cost on spot at a time (seconds since 1970), by type and zone.

    Raises BatchxError where EC2 does not tell.
    """
    when = datetime.fromtimestamp(when_seconds, UTC)
    request: dict[str, Any] = {
        "InstanceTypes": sorted(types),
        "ProductDescriptions": ["Linux/UNIX"],
        "StartTime": when,
        "EndTime": when,
    }
    prices: dict[tuple[str, str], float] = {}
    try:
        ec2_client = make_client("ec2", region)
        while True:
            answer = ec2_client.describe_spot_price_history(**request)
            for each in answer["SpotPriceHistory"]:
                key = (each["InstanceType"], each["AvailabilityZone"])
                prices.setdefault(key, float(each["SpotPrice"]))  # the newest comes first
            if not answer.get("NextToken"):
                return prices
            request["NextToken"] = answer["NextToken"]
    except CALL_ERRORS as error:
        raise explain_error(error, "ec2:DescribeSpotPriceHistory") from error


def _iter_entries(
    make_client: MakeClient, partition: str, service: str, filters: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield what the Price List has, which answers in texts of JSON."""
    place = PRICE_LIST_REGIONS.get(partition)
    if place is None:
        raise BatchxError(f"the Price List does not answer in partition {partition}")
    request: dict[str, Any] = {
        "ServiceCode": service,
        "Filters": [
            {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()
        ],
    }
    try:
        pricing_client = make_client("pricing", place)
        while True:
            answer = pricing_client.get_products(**request)
            yield from map(json.loads, answer["PriceList"])
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]
    except CALL_ERRORS as error:
        raise explain_error(error, "pricing:GetProducts") from error


def interpret_product(entry: Mapping[str, Any]) -> Product:
    """Turn one entry of GetProducts into a product.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
    """
    attributes = entry["product"]["attributes"]
    return Product(
        name=attributes["instanceType"],
        vcpus=float(attributes["vcpu"]),
        memory_gib=float(attributes["memory"].removesuffix(" GiB").replace(",", "")),
        gpus=float(attributes.get("gpu", 0)),
        usd_per_hour=_find_usd(entry) or 0.0,
    )


def _find_usd(entry: Mapping[str, Any]) -> float | None:
    """Return the price on demand of an entry; None of one that has none in US dollars."""
    for term in entry.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if usd:
                return usd
    return None
