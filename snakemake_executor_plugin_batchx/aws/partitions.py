"""AWS's partitions: China, GovCloud and others that stand beside the common one.

Accounts, roles, queues, buckets and registries of one are unknown in every other. What regions they
have, and where services are, is botocore's own data (botocore/data/partitions.json,
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
"""

import functools
import re
from dataclasses import dataclass
from typing import Any

import botocore.loaders

COMMON = "aws"

TITLES = {
    "aws": "AWS's common partition (aws)",
    "aws-cn": "AWS in China (aws-cn)",
    "aws-us-gov": "AWS GovCloud (aws-us-gov)",
    "aws-eusc": "the AWS European Sovereign Cloud (aws-eusc)",
}
"""What sentences call those that people know by a name."""


@dataclass(frozen=True)
class Partition:
    """A partition: its name in ARNs, and what its services' host names end in."""

    name: str
    dns_suffix: str
    dual_stack_suffix: str

    @property
    def title(self) -> str:
        """What sentences call it."""
        return TITLES.get(self.name, f"AWS's partition {self.name}")


def find_partition(region: str) -> str:
    """Return the name of a region's partition, such as aws-us-gov, as ARNs hold it."""
    return get_partition(region).name


def find_dns_suffix(region: str) -> str:
    """Return what host names of a region's services end in, such as amazonaws.com.cn."""
    return get_partition(region).dns_suffix


def is_known_region(region: str) -> bool:
    """Tell whether botocore's data have a region, which those of the latest ones may not."""
    return any(region in data["regions"] for data in _load_partitions())


def get_partition(region: str) -> Partition:
    """Return a region's partition; the common one where botocore knows no such region.

    So botocore itself does it (botocore/endpoint_provider.py, aws_partition).
    """
    for data in _load_partitions():
        if region in data["regions"] or re.match(data["regionRegex"], region):
            return _read_partition(data)
    return get_named_partition(COMMON)


def get_named_partition(name: str) -> Partition:
    """Return the partition that ARNs call so. Raises LookupError where botocore knows none."""
    for data in _load_partitions():
        if data["id"] == name:
            return _read_partition(data)
    raise LookupError(name)


def read_arn_partition(arn: str) -> str:
    """Return the partition that an ARN names, "" for what is no ARN.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    prefix, _, rest = arn.partition(":")
    return rest.partition(":")[0] if prefix == "arn" else ""


def _read_partition(data: dict[str, Any]) -> Partition:
    outputs = data["outputs"]
    return Partition(data["id"], outputs["dnsSuffix"], outputs["dualStackDnsSuffix"])


@functools.cache
def _load_partitions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = botocore.loaders.create_loader().load_data("partitions")[
        "partitions"
    ]
    return found
