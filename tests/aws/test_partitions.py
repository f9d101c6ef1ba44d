"""Partitions of regions, as botocore's data has them."""

import pytest

from snakemake_executor_plugin_batchx.aws.partitions import (
    Partition,
    find_dns_suffix,
    find_partition,
    get_named_partition,
    get_partition,
    read_arn_partition,
)
from snakemake_executor_plugin_batchx.images.reference import EcrHost, parse_ecr_host
from snakemake_executor_plugin_batchx.storage.checksums import is_aws_endpoint

REGIONS = {
    "us-east-1": ("aws", "amazonaws.com"),
    "il-central-1": ("aws", "amazonaws.com"),
    "mx-central-1": ("aws", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    "cn-northwest-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
    "us-gov-east-1": ("aws-us-gov", "amazonaws.com"),
    "us-iso-east-1": ("aws-iso", "c2s.ic.gov"),
    "us-isob-east-1": ("aws-iso-b", "sc2s.sgov.gov"),
    "aws-cn-global": ("aws-cn", "amazonaws.com.cn"),
    # A region that has not been heard of is taken for one of the common partition's.
    "eu-west-99": ("aws", "amazonaws.com"),
    "nz-south-1": ("aws", "amazonaws.com"),
}


@pytest.mark.parametrize("region", REGIONS)
def test_regions(region: str) -> None:
    assert (find_partition(region), find_dns_suffix(region)) == REGIONS[region]


def test_titles() -> None:
    assert get_partition("cn-north-1").title == "AWS in China (aws-cn)"
    assert get_partition("us-iso-east-1").title == "AWS's partition aws-iso"


PARTITIONS = [
    get_named_partition(name)
    for name in ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f")
]


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda each: each.name)
def test_hosts_of_all_partitions_are_known_where_they_are_read(partition: Partition) -> None:
    assert is_aws_endpoint(f"https://s3.xx-east-1.{partition.dns_suffix}/")
    assert is_aws_endpoint(f"https://s3.dualstack.xx-east-1.{partition.dual_stack_suffix}/")
    for kind in ("dkr.ecr", "dkr.ecr-fips"):
        host = f"123456789012.{kind}.xx-east-1.{partition.dns_suffix}"
        assert parse_ecr_host(host) == EcrHost("123456789012", "xx-east-1")


def test_unknown_name() -> None:
    assert get_named_partition("aws-us-gov").dual_stack_suffix == "api.aws"
    with pytest.raises(LookupError):
        get_named_partition("aws-moon")


@pytest.mark.parametrize(
    ("arn", "partition"),
    [
        ("arn:aws-cn:iam::123456789012:role/me", "aws-cn"),
        ("arn:aws:s3:::bucket", "aws"),
        ("my-queue", ""),
        ("", ""),
    ],
)
def test_arns(arn: str, partition: str) -> None:
    assert read_arn_partition(arn) == partition
