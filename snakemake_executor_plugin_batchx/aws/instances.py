"""How large instance types are, as EC2 tells it."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import CALL_ERRORS, explain_error
from snakemake_executor_plugin_batchx.plan.architecture import is_arm_family
from snakemake_executor_plugin_batchx.plan.instance_sizes import (
    BUNDLE_FAMILY,
    BUNDLES,
    InstanceSize,
    make_type_patterns,
)

PAGE_RESULTS = 100
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"""

MOST_FILTER_VALUES = 200
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html"""

ARM_BUNDLE = "default_arm64"


class Ec2Client(Protocol):
    """The method of boto3's EC2 client that we use."""

    def describe_instance_types(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102


def find_instance_sizes(
    make_client: Callable[[], Ec2Client], names: Iterable[str]
) -> dict[str, tuple[InstanceSize, ...]]:
    """Return the instance types of a region that each name stands for: a type, family or bundle.

    Names that EC2 does not know are missing. Raises AwsError where EC2 cannot be asked.
    """
    wanted = sorted(names)
    patterns = sorted({pattern for name in wanted for pattern in make_type_patterns(name)})
    if not patterns or len(patterns) > MOST_FILTER_VALUES:
        return {}
    try:
        sizes = _list_sizes(make_client(), patterns)
    except CALL_ERRORS as error:
        raise explain_error(error, "ec2:DescribeInstanceTypes") from error
    found = {name: tuple(size for size in sizes if _is_meant(name, size.name)) for name in wanted}
    return {name: each for name, each in found.items() if each}


def _list_sizes(client: Ec2Client, patterns: list[str]) -> list[InstanceSize]:
    request: dict[str, Any] = {
        "Filters": [{"Name": "instance-type", "Values": patterns}],
        "MaxResults": PAGE_RESULTS,
    }
    sizes: list[InstanceSize] = []
    while True:
        answer = client.describe_instance_types(**request)
        sizes += map(interpret_size, answer["InstanceTypes"])
        if not answer.get("NextToken"):
            return sizes
        request["NextToken"] = answer["NextToken"]


def interpret_size(detail: Mapping[str, Any]) -> InstanceSize:
    """Turn one entry of DescribeInstanceTypes into a size; a part of a GPU counts as one.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceTypeInfo.html
    """
    gpus = detail.get("GpuInfo", {}).get("Gpus", ())
    return InstanceSize(
        detail["InstanceType"],
        detail["VCpuInfo"]["DefaultVCpus"],
        detail["MemoryInfo"]["SizeInMiB"],
        sum(max(each.get("Count", 0), each.get("LogicalGpuCount", 0)) for each in gpus),
    )


def _is_meant(name: str, instance_type: str) -> bool:
    if not any(fnmatchcase(instance_type, pattern) for pattern in make_type_patterns(name)):
        return False
    if name not in BUNDLES:
        return True
    is_family = bool(BUNDLE_FAMILY.match(instance_type))
    return is_family and is_arm_family(instance_type) == (name == ARM_BUNDLE)
