"""Whether the network that a stack is to be in is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.asking import ask_aws


class SubnetClient(Protocol):
    """The method of boto3's EC2 client that we use."""

    def describe_subnets(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102


def check_subnets(client: SubnetClient, vpc: str, subnets: Sequence[str]) -> None:
    """Raise BatchxError where subnets are not there, or in another VPC.

    AwsError where EC2 does not tell. A filter finds what is there, where a list of ids would fail
    for one that is not.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html
    """
    filters = [{"Name": "subnet-id", "Values": [*subnets]}]
    answer = ask_aws("ec2:DescribeSubnets", lambda: client.describe_subnets(Filters=filters))
    found = {each["SubnetId"]: each["VpcId"] for each in answer["Subnets"]}
    problems = [*iter_problems(vpc, subnets, found)]
    if problems:
        raise BatchxError(" ".join(problems))


def iter_problems(vpc: str, subnets: Sequence[str], found: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with subnets. `found` are those that are there, each with its VPC."""
    for subnet in subnets:
        if subnet not in found:
            yield (
                f"Subnet {subnet} (--subnet) is not in this region of the account: check its id, "
                "and --region."
            )
        elif found[subnet] != vpc:
            yield (
                f"Subnet {subnet} (--subnet) is not in VPC {vpc} (--vpc) but in {found[subnet]}: "
                "name one of the same VPC."
            )
