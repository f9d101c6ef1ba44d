"""The conditions under which policies allow something.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from snakemake_executor_plugin_batchx.permissions.resources import make_object_patterns
from snakemake_executor_plugin_batchx.permissions.scope import Scope
from snakemake_executor_plugin_batchx.plan.principals import ECS_TASKS

Condition = dict[str, dict[str, Any]]


def _make_passing(_: Scope, __: str) -> Condition:
    return {"StringEquals": {"iam:PassedToService": ECS_TASKS}}


def _make_use_by(*services: str) -> Callable[[Scope, str], Condition]:
    """Confine a KMS key to what services of AWS do with it for the holder, in its own region.

    What stands behind the region is another domain in China, say. AWS alone tells whom a request
    comes through, so it may be anything
    (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html, kms:ViaService).
    """

    def make(_: Scope, key_arn: str) -> Condition:
        region = key_arn.split(":")[3]
        return {"StringLike": {"kms:ViaService": [f"{each}.{region}.*" for each in services]}}

    return make


def _make_area_listing(scope: Scope, _: str) -> Condition:
    return _narrow_listing({f"{scope.area.prefix}/*"} if scope.area else set())


def _make_data_listing(scope: Scope, bucket_arn: str) -> Condition:
    return _list_by_place(scope, bucket_arn, with_folders=False)


def _make_folder_listing(scope: Scope, bucket_arn: str) -> Condition:
    return _list_by_place(scope, bucket_arn, with_folders=True)


def _list_by_place(scope: Scope, bucket_arn: str, *, with_folders: bool) -> Condition:
    """Narrow listings of a bucket to the places in it, and maybe the folders that these are in.

    Of an object, Snakemake's s3 plugin lists the folder, but for jobs, where it is ours.
    """
    bucket = bucket_arn.partition(":::")[2]
    places = [each for each in (*scope.reads, *scope.writes) if each.bucket == bucket]
    patterns = {pattern for place in places for pattern in make_object_patterns(place)}
    folders = {place.prefix.rpartition("/")[0] for place in places} - {""}
    if "*" in patterns:
        return {}
    return _narrow_listing(patterns | folders if with_folders else patterns)


def _narrow_listing(patterns: set[str]) -> Condition:
    """Refuse listings of other prefixes, though not of the whole bucket.

    Questions about the bucket itself, and about an object that is not there, need the permission
    for listings, and S3 tells IAM no prefix of theirs, nor any other key that a listing without a
    prefix would have and they lack. So where no prefix is named, the condition holds: it keeps
    tools to their places, and hides no names from whoever wants to see them.
    """
    return {"StringLikeIfExists": {"s3:prefix": sorted(patterns)}}


CONDITIONS: Mapping[str, Callable[[Scope, str], Condition]] = MappingProxyType(
    {
        "ToEcs": _make_passing,
        "AreaPrefix": _make_area_listing,
        "DataPrefix": _make_data_listing,
        "DataFolder": _make_folder_listing,
        "ForS3": _make_use_by("s3"),
        "ForLogins": _make_use_by("secretsmanager"),
        "ForSecrets": _make_use_by("secretsmanager", "ssm"),
    }
)
"""By the names that rows use; each makes the condition for one resource, given by its ARN."""
