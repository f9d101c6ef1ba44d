"""The sizes of instance types, as the embedded EC2 (moto's) tells them, and without an answer."""

from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.instances import (
    PAGE_RESULTS,
    find_instance_sizes,
    interpret_size,
)
from snakemake_executor_plugin_batchx.local.launch import PROCESS, launch_embedded_aws
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize


@pytest.fixture(scope="module")
def ec2() -> Iterator[Any]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield boto3.client(
            "ec2",
            endpoint_url=aws.endpoint_url,
            region_name=aws.region,
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=aws.secret_access_key,
        )


def find(ec2: Any, *names: str) -> dict[str, tuple[InstanceSize, ...]]:
    return find_instance_sizes(lambda: ec2, names)


def test_types_and_families_are_found_in_one_question(ec2: Any) -> None:
    found = find(ec2, "m5.4xlarge", "g5", "p3.nothing", "zz9")
    assert found.keys() == {"m5.4xlarge", "g5"}
    assert found["m5.4xlarge"] == (InstanceSize("m5.4xlarge", 16, 65_536),)
    by_name = {size.name: size for size in found["g5"]}
    assert by_name["g5.xlarge"] == InstanceSize("g5.xlarge", 4, 16_384, 1)
    assert by_name["g5.12xlarge"].gpus == 4
    assert all(name.startswith("g5.") for name in by_name)


@pytest.mark.parametrize(
    ("bundle", "has", "lacks"),
    [
        ("optimal", {"m4.16xlarge", "m6i.32xlarge", "r5.24xlarge"}, {"m6g.16xlarge", "mac1.metal"}),
        ("default_x86_64", {"c7i.48xlarge"}, {"c7g.16xlarge"}),
        ("default_arm64", {"m6g.16xlarge", "c7g.16xlarge"}, {"m6i.32xlarge", "mac2.metal"}),
    ],
)
def test_a_bundle_stands_for_the_families_c_m_and_r(
    ec2: Any, bundle: str, has: set[str], lacks: set[str]
) -> None:
    names = {size.name for size in find(ec2, bundle)[bundle]}
    assert names > has
    assert not names & lacks
    assert all(name[0] in "cmr" for name in names)


def test_nobody_is_asked_for_nothing_nor_for_more_than_a_filter_takes() -> None:
    def refuse() -> Any:
        raise AssertionError

    assert find_instance_sizes(refuse, ()) == {}
    assert find_instance_sizes(refuse, [f"m5.{n}xlarge" for n in range(201)]) == {}


class PagedEc2:
    """Gives one type a page."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.requests: list[dict[str, Any]] = []

    def describe_instance_types(self, **request: Any) -> dict[str, Any]:
        self.requests.append(dict(request))
        page = int(request.get("NextToken", 0))
        detail = {
            "InstanceType": self.names[page],
            "VCpuInfo": {"DefaultVCpus": 2},
            "MemoryInfo": {"SizeInMiB": 8192},
        }
        more = {"NextToken": str(page + 1)} if page + 1 < len(self.names) else {}
        return {"InstanceTypes": [detail], **more}


def test_all_pages_are_read() -> None:
    ec2 = PagedEc2("m5.large", "m5.xlarge", "m5.2xlarge")
    assert [size.name for size in find(ec2, "m5")["m5"]] == list(ec2.names)
    assert [request.get("NextToken") for request in ec2.requests] == [None, "1", "2"]
    assert {request["MaxResults"] for request in ec2.requests} == {PAGE_RESULTS}
    assert ec2.requests[0]["Filters"] == [{"Name": "instance-type", "Values": ["m5.*"]}]


@pytest.mark.parametrize(
    ("gpu", "count"),
    [({"Count": 8}, 8), ({"Count": 0, "LogicalGpuCount": 1, "GpuPartitionSize": 0.125}, 1)],
)
def test_a_part_of_a_gpu_counts_as_one(gpu: dict[str, Any], count: int) -> None:
    detail = {
        "InstanceType": "g6f.large",
        "VCpuInfo": {"DefaultVCpus": 2},
        "MemoryInfo": {"SizeInMiB": 8192},
        "GpuInfo": {"Gpus": [gpu]},
    }
    assert interpret_size(detail) == InstanceSize("g6f.large", 2, 8192, count)


ERRORS = [
    botocore.exceptions.ClientError(
        {"Error": {"Code": "UnauthorizedOperation", "Message": "You are not authorized"}},
        "DescribeInstanceTypes",
    ),
    botocore.exceptions.EndpointConnectionError(endpoint_url="https://ec2.example.org"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_where_ec2_cannot_be_asked_that_is_told(error: Exception) -> None:
    def fail() -> Any:
        raise error

    with pytest.raises(AwsError, match="ec2:DescribeInstanceTypes"):
        find_instance_sizes(fail, ["m5"])
