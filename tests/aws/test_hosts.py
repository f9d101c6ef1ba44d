"""What ECS and EC2 tell of hosts: the embedded ones, and answers that were made up."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.hosts import (
    HOSTS_AT_ONCE,
    FoundHosts,
    Host,
    find_hosts,
    interpret_host,
)
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
)

ARN = "arn:aws:ecs:eu-west-1:123456789012:container-instance/{}/{}"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


def make_client(aws: EmbeddedAws, service: str, region: str) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )


@pytest.mark.parametrize(
    ("kind", "types", "instance_type", "market"),
    [
        ("EC2", ["optimal"], "m5.large", "on-demand"),
        ("SPOT", ["c5.4xlarge", "r5"], "c5.4xlarge", "spot"),
        ("EC2", ["c7g"], "c7g.large", "on-demand"),
        ("EC2", ["default_arm64"], "m6g.large", "on-demand"),
    ],
)
def test_hosts_of_the_embedded_batch(
    aws: EmbeddedAws, kind: str, types: list[str], instance_type: str, market: str
) -> None:
    batch = make_client(aws, "batch", aws.region)
    name = f"{kind}-{types[0]}".replace(".", "-")
    resources = {
        "type": kind,
        "minvCpus": 0,
        "maxvCpus": 4,
        "instanceTypes": types,
        "instanceRole": "ecsInstanceRole",
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
    }
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=resources
    )
    (made,) = batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    host = made["uuid"].replace("-", "")
    arn = made["ecsClusterArn"].replace(":cluster/", ":container-instance/") + f"/{host}"
    missing = arn.replace(host, "0" * 32)
    found = find_hosts(lambda *names: make_client(aws, *names), aws.region, [arn, missing])
    zone = f"{aws.region}a"
    assert found == FoundHosts((Host(arn, f"i-{host[:17]}", instance_type, zone, market),))


class MadeAws:
    """Hosts without number; `denied` are services that refuse."""

    def __init__(self, denied: tuple[str, ...] = (), code: str = "AccessDeniedException") -> None:
        self.denied = denied
        self.code = code
        self.asked: list[tuple[str, int]] = []

    def open(self, service: str, _region: str) -> Any:
        return SimpleNamespace(
            describe_container_instances=self.describe_hosts,
            describe_instances=self.describe_instances,
            service=service,
        )

    def note(self, service: str, count: int) -> None:
        self.asked.append((service, count))
        if service in self.denied:
            answer = {"Error": {"Code": self.code, "Message": "no"}}
            raise botocore.exceptions.ClientError(answer, "Describe")

    def describe_hosts(self, cluster: str, containerInstances: list[str]) -> Any:  # noqa: N803
        self.note("ecs", len(containerInstances))
        return {
            "containerInstances": [
                {"containerInstanceArn": arn, "ec2InstanceId": arn.rpartition("/")[2]}
                for arn in containerInstances
            ]
        }

    def describe_instances(self, Filters: list[dict[str, Any]]) -> Any:  # noqa: N803
        (ids,) = (each["Values"] for each in Filters)
        self.note("ec2", len(ids))
        spot = [{"InstanceId": each, "InstanceLifecycle": "spot"} for each in ids[:1]]
        others = [{"InstanceId": each} for each in ids[1:]]
        return {"Reservations": [{"Instances": spot}, {"Instances": others}]}


def test_many_hosts_are_asked_about_in_few_calls() -> None:
    aws = MadeAws()
    arns = [ARN.format("one", number) for number in range(HOSTS_AT_ONCE + 1)]
    arns += [ARN.format("two", "x"), "arn:aws:ecs:eu-west-1:123456789012:container-instance/old"]
    found = find_hosts(aws.open, "eu-west-1", arns)
    assert aws.asked == [("ecs", 100), ("ecs", 1), ("ecs", 1), ("ec2", 100), ("ec2", 2)]
    assert len(found.hosts) == HOSTS_AT_ONCE + 2
    assert [host.market for host in found.hosts[:2]] == ["spot", "on-demand"]


@pytest.mark.parametrize(
    ("denied", "markets", "action"),
    [
        ("ecs", [], "ecs:DescribeContainerInstances"),
        ("ec2", [None], "ec2:DescribeInstances"),
    ],
)
def test_what_is_denied_is_told(denied: str, markets: list[None], action: str) -> None:
    found = find_hosts(MadeAws((denied,)).open, "eu-west-1", [ARN.format("one", 1)])
    assert [host.market for host in found.hosts] == markets
    (problem,) = found.problems
    assert action in problem


def test_a_throttled_ecs_may_tell_later() -> None:
    found = find_hosts(
        MadeAws(("ecs",), "ThrottlingException").open, "eu-west-1", [ARN.format(1, 1)]
    )
    assert (found.hosts, found.is_transient) == ((), True)


def test_a_host_whose_attributes_are_not_known() -> None:
    assert interpret_host({"containerInstanceArn": "arn"}) == Host("arn", "", None, None)
