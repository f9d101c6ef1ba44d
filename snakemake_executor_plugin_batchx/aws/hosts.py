"""The instances that jobs ran on, as ECS and EC2 tell of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from snakemake_executor_plugin_batchx.aws.errors import CALL_ERRORS, explain_error

HOSTS_AT_ONCE = 100
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html;
EC2 takes 200 values of a filter."""

TYPE, ZONE = "ecs.instance-type", "ecs.availability-zone"
"""Attributes that every container instance has
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-constraints.html)."""

ON_DEMAND = "on-demand"


@dataclass(frozen=True)
class Host:
    """An ECS container instance: the EC2 instance that it is.

    `market` is `on-demand` or what EC2 calls its lifecycle (`spot`), None where EC2 does not tell.
    """

    arn: str
    instance_id: str
    instance_type: str | None
    zone: str | None
    market: str | None = None


@dataclass(frozen=True)
class FoundHosts:
    """Hosts of which somebody told, and a sentence for each service that did not tell.

    With `is_transient` ECS may tell of the others when it is asked again.
    """

    hosts: tuple[Host, ...]
    problems: tuple[str, ...] = ()
    is_transient: bool = False


def find_hosts(
    make_client: Callable[[str, str], Any], region: str, arns: Iterable[str]
) -> FoundHosts:
    """Return the hosts of ARNs, with a call to ECS a hundred of each cluster and one to EC2.

    Those that ECS has forgotten are missing, as are those whose ARN does not name their cluster.
    """
    hosts: list[Host] = []
    try:
        ecs_client = make_client("ecs", region)
        for cluster, members in _group_by_cluster(arns).items():
            for start in range(0, len(members), HOSTS_AT_ONCE):
                portion = members[start : start + HOSTS_AT_ONCE]
                answer = ecs_client.describe_container_instances(
                    cluster=cluster, containerInstances=portion
                )
                hosts += map(interpret_host, answer["containerInstances"])
    except CALL_ERRORS as error:
        refusal = explain_error(error, "ecs:DescribeContainerInstances")
        return FoundHosts((), (str(refusal),), refusal.is_transient)
    try:
        markets = _find_markets(make_client, region, [host.instance_id for host in hosts])
    except CALL_ERRORS as error:
        return FoundHosts(tuple(hosts), (str(explain_error(error, "ec2:DescribeInstances")),))
    return FoundHosts(tuple(replace(e, market=markets.get(e.instance_id)) for e in hosts))


def _group_by_cluster(arns: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for arn in arns:
        names = arn.rpartition(":")[2].split("/")
        if len(names) == 3:  # container-instance/cluster/id; older ARNs name no cluster
            groups.setdefault(names[1], []).append(arn)
    return groups


def interpret_host(detail: Mapping[str, Any]) -> Host:
    """Turn one entry of DescribeContainerInstances into a host.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html
    """
    attributes = {each["name"]: each.get("value") for each in detail.get("attributes", ())}
    return Host(
        arn=detail["containerInstanceArn"],
        instance_id=detail.get("ec2InstanceId", ""),
        instance_type=attributes.get(TYPE),
        zone=attributes.get(ZONE),
    )


def _find_markets(
    make_client: Callable[[str, str], Any], region: str, instance_ids: Sequence[str]
) -> dict[str, str]:
    """Return how instances are paid for, by their ids; those that EC2 has forgotten are missing.

    By a filter: of an id in a list that is not there EC2 would tell nothing but that
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
    """
    markets: dict[str, str] = {}
    ec2_client = make_client("ec2", region)
    for start in range(0, len(instance_ids), HOSTS_AT_ONCE):
        values = list(instance_ids[start : start + HOSTS_AT_ONCE])
        answer = ec2_client.describe_instances(Filters=[{"Name": "instance-id", "Values": values}])
        for reservation in answer["Reservations"]:
            for instance in reservation["Instances"]:
                lifecycle = instance.get("InstanceLifecycle", ON_DEMAND)
                markets[instance["InstanceId"]] = lifecycle
    return markets
