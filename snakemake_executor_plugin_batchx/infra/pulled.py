"""The repositories in ECR that a stack's jobs may have images from."""

import re

from snakemake_executor_plugin_batchx.aws.partitions import find_partition
from snakemake_executor_plugin_batchx.images.reference import parse_ecr_host
from snakemake_executor_plugin_batchx.plan.readers import ACCOUNT, PARTITION, REGION

NAME = r"[a-z0-9*?][a-z0-9._/*?-]*"
"""With * and ? as IAM takes them
(https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html)."""

REPOSITORY = re.compile(rf"(?:arn:{PARTITION}:ecr:{REGION}:{ACCOUNT}:repository/)?{NAME}")


def is_repository(text: str) -> bool:
    """Tell whether this is a name or an ARN of repositories."""
    return bool(REPOSITORY.fullmatch(text))


def name_repository(given: str) -> str:
    """Return a repository as policies name it, be it given as an image there."""
    host, _, path = given.partition("/")
    place = parse_ecr_host(host)
    if place is None:
        return given
    name = path.partition("@")[0].partition(":")[0] or "*"
    partition = find_partition(place.region)
    return f"arn:{partition}:ecr:{place.region}:{place.account}:repository/{name}"
