"""Resources of moto's in the embedded CloudFormation, with what moto leaves out of them.

moto makes them, but deletes some of them never, forgets some of them at an update, and makes
buckets without their rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.ec2.models import ec2_backends
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.route_tables import RouteTable
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.logs.models import LogGroup, logs_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

ATTACHED = "Cannot delete a policy attached to entities."
"""IAM's DeleteConflict. Seen in https://github.com/hashicorp/terraform-provider-aws/pull/13901."""

Properties = Mapping[str, Any]
Delete = Callable[[str, str, str], None]
"""Deletes what has a physical id, in an account and a region."""


def _make_deletable(model: type, delete: Delete) -> type:
    def delete_from_json(cls: type, name: str, _json: Any, account: str, region: str) -> None:
        delete(name, account, region)

    return type(
        f"Stack{model.__name__}",
        (model,),
        {"delete_from_cloudformation_json": classmethod(delete_from_json)},
    )


def _make_changeable(model: type, change: Callable[[Any, Properties, str, str], None]) -> type:
    def update_from_json(
        cls: type,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        change(original_resource, cloudformation_json["Properties"], account_id, region_name)
        return original_resource

    return type(
        f"Changeable{model.__name__}",
        (model,),
        {"update_from_cloudformation_json": classmethod(update_from_json)},
    )


def _delete_policy(arn: str, account: str, region: str) -> None:
    iam = iam_backends[account][get_partition(region)]
    holders = [*iam.roles.values(), *iam.users.values(), *iam.groups.values()]
    bounds = [each.permissions_boundary_arn for each in iam.roles.values()]
    # moto would delete it all the same.
    if arn in bounds or any(arn in each.managed_policies for each in holders):
        raise ValidationError(message=ATTACHED)
    for version in iam.list_policy_versions(arn):
        if not version.is_default:
            iam.delete_policy_version(arn, version.version_id)
    iam.delete_policy(arn)


def _delete_endpoint(name: str, account: str, region: str) -> None:
    # moto would show it as deleted for ever. Its route goes with the table.
    ec2_backends[account][region].vpc_end_points.pop(name, None)


def _delete_route_table(name: str, account: str, region: str) -> None:
    ec2 = ec2_backends[account][region]
    # moto's associations have no ids of their own by which a stack could end them.
    ec2.get_route_table(name)._associations.clear()
    ec2.delete_route_table(name)


def _delete_attachment(vpc: str, account: str, region: str) -> None:
    ec2 = ec2_backends[account][region]
    for gateway in list(ec2.internet_gateways.values()):
        if gateway.vpc is not None and gateway.vpc.id == vpc:
            ec2.detach_internet_gateway(gateway.id, vpc)


def _delete_gateway(name: str, account: str, region: str) -> None:
    ec2_backends[account][region].delete_internet_gateway(name)


def _delete_bucket(name: str, account: str, region: str) -> None:
    s3 = s3_backends[account][get_partition(region)]
    if s3.delete_bucket(name) is None:
        raise ValidationError(message="The bucket you tried to delete is not empty")


def _change_policy(policy: Any, properties: Properties, account: str, region: str) -> None:
    iam = iam_backends[account][get_partition(region)]
    for version in iam.list_policy_versions(policy.arn):
        if not version.is_default:
            iam.delete_policy_version(policy.arn, version.version_id)
    document = json.dumps(properties["PolicyDocument"])
    iam.create_policy_version(policy.arn, document, "true")


def _change_role(role: Any, properties: Properties, _account: str, _region: str) -> None:
    wanted = {each["PolicyName"]: each["PolicyDocument"] for each in properties["Policies"]}
    for name in set(role.policies) - set(wanted):
        role.delete_policy(name)
    for name, document in wanted.items():
        role.put_policy(name, document)


def _change_log_group(group: Any, properties: Properties, account: str, region: str) -> None:
    days = properties.get("RetentionInDays")
    logs_backends[account][region].put_retention_policy(group.name, days)


def _create_bucket(
    _cls: Any, /, name: str, template: dict[str, Any], account: str, region: str, **rest: Any
) -> Any:
    bucket = FakeBucket.create_from_cloudformation_json(name, template, account, region, **rest)
    _change_bucket(bucket, template["Properties"], account, region)
    return bucket


def _change_bucket(bucket: Any, properties: Properties, account: str, region: str) -> None:
    s3 = s3_backends[account][get_partition(region)]
    name = bucket.name
    if block := properties.get("PublicAccessBlockConfiguration"):
        s3.put_public_access_block(name, block)
    if controls := properties.get("OwnershipControls"):
        s3.put_bucket_ownership_controls(name, controls["Rules"][0]["ObjectOwnership"])
    rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
    s3.put_bucket_lifecycle(name, [_make_rule(rule) for rule in rules])


def _make_rule(rule: Properties) -> dict[str, Any]:
    """What PutBucketLifecycle calls what CloudFormation calls otherwise."""
    made: dict[str, Any] = {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Prefix": rule.get("Prefix", ""),
    }
    if days := rule.get("ExpirationInDays"):
        made["Expiration"] = {"Days": days}
    if abort := rule.get("AbortIncompleteMultipartUpload"):
        made["AbortIncompleteMultipartUpload"] = abort
    return made


class StackBucketPolicy:
    """A bucket's policy, which moto's CloudFormation does not know. ``Ref`` gives the bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return self.bucket

    @classmethod
    def create_from_cloudformation_json(
        cls,
        _resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_rest: Any,
    ) -> StackBucketPolicy:
        """Gives a bucket its policy."""
        properties = cloudformation_json["Properties"]
        document = json.dumps(properties["PolicyDocument"]).encode()
        s3 = s3_backends[account_id][get_partition(region_name)]
        s3.put_bucket_policy(properties["Bucket"], document)
        return cls(properties["Bucket"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: StackBucketPolicy,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> StackBucketPolicy:
        """Puts another in its place."""
        return cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )

    def delete(self, account_id: str, region_name: str) -> None:
        """Takes it away, if the bucket is still there."""
        s3 = s3_backends[account_id][get_partition(region_name)]
        if self.bucket in s3.buckets:
            s3.delete_bucket_policy(self.bucket)

    def is_created(self) -> bool:
        """True at once."""
        return True


def list_moto_models() -> dict[str, type]:
    """Resources of moto's that are whole, by their types in templates."""
    making: dict[str, Any] = {"create_from_cloudformation_json": classmethod(_create_bucket)}
    bucket = type("StackBucket", (FakeBucket,), making)
    return {
        "AWS::EC2::InternetGateway": _make_deletable(InternetGateway, _delete_gateway),
        "AWS::EC2::RouteTable": _make_deletable(RouteTable, _delete_route_table),
        "AWS::EC2::VPCEndpoint": _make_deletable(VPCEndPoint, _delete_endpoint),
        "AWS::EC2::VPCGatewayAttachment": _make_deletable(VPCGatewayAttachment, _delete_attachment),
        "AWS::IAM::ManagedPolicy": _make_changeable(
            _make_deletable(ManagedPolicy, _delete_policy), _change_policy
        ),
        "AWS::IAM::Role": _make_changeable(Role, _change_role),
        "AWS::Logs::LogGroup": _make_changeable(LogGroup, _change_log_group),
        "AWS::S3::Bucket": _make_changeable(
            _make_deletable(bucket, _delete_bucket), _change_bucket
        ),
        "AWS::S3::BucketPolicy": StackBucketPolicy,
    }
