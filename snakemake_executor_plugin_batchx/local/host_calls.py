"""The hosts of compute environments, as ECS and EC2 describe them.

One instance stands for all of an environment's. Of ECS nothing else is served, and of EC2 moto
serves the rest.
Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from snakemake_executor_plugin_batchx.local.environments import ComputeEnvironment
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.orders import make_instance_id
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

DESCRIBE_HOSTS = "DescribeContainerInstances"
DESCRIBE_INSTANCES = "DescribeInstances"

DEFAULT_TYPES = {"x86_64": "m5.large", "arm64": "m6g.large"}
"""What an environment gets that leaves the type to Batch."""

SPOT_ITEM = "<instanceLifecycle>spot</instanceLifecycle>"
INSTANCE_ITEM = (
    "<item><reservationId>r-{suffix}</reservationId><ownerId>{account}</ownerId><groupSet/>"
    "<instancesSet><item><instanceId>{instance_id}</instanceId>"
    "<instanceState><code>16</code><name>running</name></instanceState>"
    "<instanceType>{instance_type}</instanceType>"
    "<placement><availabilityZone>{zone}</availabilityZone><tenancy>default</tenancy></placement>"
    "{lifecycle}</item></instancesSet></item>"
)
INSTANCES_ANSWER = (
    '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>00000000-0000-0000-0000-000000000000</requestId>"
    "<reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
)


def make_host_arn(environment: ComputeEnvironment, identity: Identity) -> str | None:
    """The ARN of the container instance of an environment; None on Fargate, which has none."""
    if environment.is_fargate:
        return None
    name = f"{environment.cluster}/{environment.identifier.replace('-', '')}"
    return identity.make_arn("container-instance", name, service="ecs")


def _make_instance_id(environment: ComputeEnvironment) -> str:
    return make_instance_id(environment.identifier.replace("-", ""))


def find_instance_type(environment: ComputeEnvironment) -> str:
    """The type of an environment's instance: the first that it names, of a family the ``large``."""
    named = environment.request.get("computeResources", {}).get("instanceTypes", ["optimal"])[0]
    if "." in named:
        return str(named)
    is_family = re.match(r"[a-z]+\d", named) is not None
    return f"{named}.large" if is_family else DEFAULT_TYPES[environment.architecture]


def describe_hosts(
    request: JsonObject, environments: Iterable[ComputeEnvironment], identity: Identity
) -> JsonObject:
    """ECS's DescribeContainerInstances."""
    wanted = request.get("containerInstances", [])
    found = []
    for environment in environments:
        arn = make_host_arn(environment, identity)
        if arn is None or request.get("cluster") not in (environment.cluster, None):
            continue
        if arn in wanted or arn.rpartition("/")[2] in wanted:
            found.append(_describe_host(arn, environment, identity))
    known = {each["containerInstanceArn"] for each in found}
    missing = [each for each in wanted if not any(arn.endswith(each) for arn in known)]
    failures = [{"arn": each, "reason": "MISSING"} for each in missing]
    return {"containerInstances": found, "failures": failures}


def _describe_host(arn: str, environment: ComputeEnvironment, identity: Identity) -> JsonObject:
    attributes = {
        "ecs.instance-type": find_instance_type(environment),
        "ecs.availability-zone": f"{identity.region}a",
        "ecs.cpu-architecture": environment.architecture,
        "ecs.os-type": "linux",
    }
    return {
        "containerInstanceArn": arn,
        "ec2InstanceId": _make_instance_id(environment),
        "status": "ACTIVE",
        "agentConnected": True,
        "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
    }


def describe_instances(
    body: bytes, environments: Iterable[ComputeEnvironment], identity: Identity
) -> bytes | None:
    """EC2's DescribeInstances; None where the request is another, or asks for none of ours."""
    form = dict(parse_qsl(body.decode()))
    if form.get("Action") != DESCRIBE_INSTANCES:
        return None
    wanted = set(_iter_instance_ids(form))
    items = [
        INSTANCE_ITEM.format(
            suffix=_make_instance_id(each)[2:],
            account=identity.account_id,
            instance_id=_make_instance_id(each),
            instance_type=escape(find_instance_type(each)),
            zone=f"{identity.region}a",
            lifecycle=SPOT_ITEM if _is_spot(each) else "",
        )
        for each in environments
        if not each.is_fargate and _make_instance_id(each) in wanted
    ]
    return INSTANCES_ANSWER.format(items="".join(items)).encode() if items else None


def _iter_instance_ids(form: Mapping[str, str]) -> Iterator[str]:
    for name, value in form.items():
        prefix, _, rest = name.partition(".Value.")
        if name.startswith("InstanceId.") or (rest and form.get(f"{prefix}.Name") == "instance-id"):
            yield value


def _is_spot(environment: ComputeEnvironment) -> bool:
    return bool(environment.request.get("computeResources", {}).get("type") == "SPOT")


def answer_ecs(
    body: bytes, environments: Iterable[ComputeEnvironment], identity: Identity
) -> bytes:
    """The answer to a request of DescribeContainerInstances."""
    answer = describe_hosts(json.loads(body or b"{}"), environments, identity)
    return json.dumps(answer).encode()
