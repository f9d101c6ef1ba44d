"""The network of a stack: jobs must get out, and nobody needs to get in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.part import (
    Part,
    Values,
    get_attribute,
    make_output,
    make_ref,
    make_tags,
)

VPC_BLOCK = "10.0.0.0/16"
SUBNET_BLOCKS = ("10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18")
"""Some 16,000 addresses each."""


GROUP = get_attribute("SecurityGroup", "GroupId")


@dataclass(frozen=True)
class Network:
    """Where instances are: values for the template, and what must be there before they start."""

    part: Part
    subnets: Any
    security_group: Values
    needed: tuple[str, ...]


def plan_network(options: StackOptions) -> Network:
    """Plan the user's VPC, or one with public subnets."""
    return _plan_own(options) if options.vpc is None else _plan_given(options.vpc, options.subnets)


def _plan_own(options: StackOptions) -> Network:
    blocks = SUBNET_BLOCKS[: options.zones]
    numbers = range(1, len(blocks) + 1)
    resources = _make_gateway()
    for number, block in zip(numbers, blocks, strict=True):
        resources |= _make_subnet(number, block)
    resources["S3Endpoint"] = _make_s3_endpoint()
    resources["SecurityGroup"] = _make_security_group(make_ref("Vpc"))
    subnets = [make_ref(f"Subnet{number}") for number in numbers]
    part = Part(
        "Network",
        "A VPC with public subnets: instances reach S3, ECR and the like without a NAT gateway, "
        "which would cost by the hour. S3 is reached by an endpoint that costs nothing. No port is "
        "open to anybody.",
        resources,
        outputs={
            "Vpc": make_output("The VPC", make_ref("Vpc")),
            "Subnets": make_output("Its subnets", {"Fn::Join": [",", subnets]}),
            **_make_outputs(),
        },
    )
    # Instances need a way out when they start, and keep it until they are gone.
    routes = tuple(f"Subnet{number}Route" for number in numbers)
    return Network(part, subnets, GROUP, ("InternetRoute", *routes))


def _make_gateway() -> dict[str, Values]:
    return {
        "Vpc": {
            "Type": "AWS::EC2::VPC",
            "Properties": {
                "CidrBlock": VPC_BLOCK,
                "EnableDnsSupport": True,
                "EnableDnsHostnames": True,
                "Tags": _make_named_tags(),
            },
        },
        "InternetGateway": {
            "Type": "AWS::EC2::InternetGateway",
            "Properties": {"Tags": _make_named_tags()},
        },
        "InternetGatewayAttachment": {
            "Type": "AWS::EC2::VPCGatewayAttachment",
            "Properties": {
                "VpcId": make_ref("Vpc"),
                "InternetGatewayId": make_ref("InternetGateway"),
            },
        },
        "RouteTable": {
            "Type": "AWS::EC2::RouteTable",
            "Properties": {"VpcId": make_ref("Vpc"), "Tags": _make_named_tags()},
        },
        "InternetRoute": {
            "Type": "AWS::EC2::Route",
            "DependsOn": "InternetGatewayAttachment",
            "Properties": {
                "RouteTableId": make_ref("RouteTable"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": make_ref("InternetGateway"),
            },
        },
    }


def _make_subnet(number: int, block: str) -> dict[str, Values]:
    zone = {"Fn::Select": [number - 1, {"Fn::GetAZs": ""}]}
    return {
        f"Subnet{number}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": make_ref("Vpc"),
                "AvailabilityZone": zone,
                "CidrBlock": block,
                "MapPublicIpOnLaunch": True,
                "Tags": _make_named_tags(),
            },
        },
        f"Subnet{number}Route": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {
                "SubnetId": make_ref(f"Subnet{number}"),
                "RouteTableId": make_ref("RouteTable"),
            },
        },
    }


def _make_s3_endpoint() -> Values:
    """Return the gateway endpoint, whose service has no name of its own in China.

    https://github.com/eksctl-io/eksctl/issues/3081
    """
    return {
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": {
            "VpcEndpointType": "Gateway",
            "VpcId": make_ref("Vpc"),
            "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"},
            "RouteTableIds": [make_ref("RouteTable")],
        },
    }


def _plan_given(vpc: str, subnets: Sequence[str]) -> Network:
    part = Part(
        "Network",
        "The VPC and subnets are given. They need a way out to S3, ECR, ECS and CloudWatch Logs: "
        "an internet or NAT gateway, or endpoints. No port is open to anybody.",
        {"SecurityGroup": _make_security_group(make_ref("VpcId"))},
        parameters={
            "VpcId": {
                "Type": "AWS::EC2::VPC::Id",
                "Description": "The VPC that instances are in",
                "Default": vpc,
            },
            "SubnetIds": {
                "Type": "List<AWS::EC2::Subnet::Id>",
                "Description": "Subnets of it, with a way out to AWS's services",
                "Default": ",".join(subnets),
            },
        },
        outputs=_make_outputs(),
    )
    return Network(part, make_ref("SubnetIds"), GROUP, ())


def _make_outputs() -> dict[str, Values]:
    text = "The security group of instances and Fargate jobs"
    return {"SecurityGroup": make_output(text, GROUP)}


def _make_security_group(vpc: Values) -> Values:
    return {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {
            "GroupDescription": "Jobs of AWS Batch: nothing comes in, everything may go out",
            "VpcId": vpc,
            "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
            "Tags": _make_named_tags(),
        },
    }


def _make_named_tags() -> list[Values]:
    """Return tags with the one that the console shows as a name."""
    return [{"Key": "Name", "Value": make_ref("AWS::StackName")}, *make_tags()]
