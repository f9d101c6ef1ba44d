"""The kinds of resources that policies name, and the ARNs of each.

ARNs: https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.plan.names import JOB_NAME_PREFIX

CLUSTERS = ("AWSBatch-*", "*_Batch_*")
"""What Batch calls the ECS clusters of compute environments, now and earlier
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/BatchServiceRolePolicy.html,
https://github.com/hashicorp/terraform-provider-aws/pull/38050)."""

JOB_FOLDERS = ("runs", "data", "conda", "runtime")
"""Where jobs write below the S3 root: leases and results, outputs, environments, a built runtime
(storage/layout.py). What all jobs are started with lies beside them."""

SECRET_ENDING = "-??????"  # noqa: S105 - no secret
COMPLETE_SECRET = re.compile(r".*-[A-Za-z0-9]{6}")
"""What Secrets Manager adds to a secret's name in its ARN, which may be left out where it is read.
What ends so already is read as complete there, too
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html)."""


def make_arn(scope: Scope, service: str, kind: str, name: str) -> str:
    """Return the ARN of something in the scope's region and account; an ARN stays as it is."""
    if name.startswith("arn:"):
        return name
    place = f"{scope.region}:{scope.account_id}"
    return f"arn:{scope.partition}:{service}:{place}:{kind}{name}"


def make_object_patterns(place: S3Place) -> tuple[str, ...]:
    """Return the keys of an S3 place as IAM writes them."""
    if not place.prefix:
        return ("*",)
    return (place.prefix,) if place.prefix.endswith("*") else (place.prefix, f"{place.prefix}/*")


def make_bucket_arn(scope: Scope, bucket: str) -> str:
    """Return the ARN of a bucket, which names neither region nor account."""
    return f"arn:{scope.partition}:s3:::{bucket}"


def _make_arns(
    service: str, kind: str, find_names: Callable[[Scope], Iterable[str]]
) -> Callable[[Scope], tuple[str, ...]]:
    return lambda scope: tuple(
        make_arn(scope, service, kind, name) for name in find_names(scope) if name
    )


def _list_objects(scope: Scope, places: Iterable[S3Place]) -> tuple[str, ...]:
    return tuple(
        f"{make_bucket_arn(scope, place.bucket)}/{pattern}"
        for place in places
        for pattern in make_object_patterns(place)
    )


def _list_area(scope: Scope) -> tuple[str, ...]:
    if scope.area is None:
        return ()
    return (f"{make_bucket_arn(scope, scope.area.bucket)}/{scope.area.prefix}/*",)


def _list_job_area(scope: Scope) -> tuple[str, ...]:
    return tuple(
        f"{arn.removesuffix('*')}{folder}/*" for arn in _list_area(scope) for folder in JOB_FOLDERS
    )


def _list_area_bucket(scope: Scope) -> tuple[str, ...]:
    return (make_bucket_arn(scope, scope.area.bucket),) if scope.area else ()


def _list_own_repositories(scope: Scope) -> tuple[str, ...]:
    name = scope.own_repository
    return (f"{name}*" if name.endswith("/") else name,)


def _list_makable_repositories(scope: Scope) -> tuple[str, ...]:
    return _list_own_repositories(scope) if scope.own_repository.endswith("/") else ()


def _list_secrets(arns: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        each for arn in arns if ":secretsmanager:" in arn for each in _complete_secret(arn)
    )


def _complete_secret(arn: str) -> tuple[str, ...]:
    return (arn,) if COMPLETE_SECRET.fullmatch(arn) else (arn, arn + SECRET_ENDING)


def _list_parameters(scope: Scope) -> tuple[str, ...]:
    return tuple(arn for arn in scope.secrets if ":ssm:" in arn)


def _list_log_streams(scope: Scope) -> tuple[str, ...]:
    groups = (
        # Consoles and DescribeLogGroups end a group's ARN so.
        name.removesuffix(":*") if name.startswith("arn:") else name
        for name in scope.log_groups
    )
    return tuple(f"{make_arn(scope, 'logs', 'log-group:', each)}:log-stream:*" for each in groups)


KINDS: Mapping[str, Callable[[Scope], tuple[str, ...]]] = MappingProxyType(
    {
        "Anything": lambda _: ("*",),
        "Queues": _make_arns("batch", "job-queue/", lambda scope: scope.queues),
        "Definitions": _make_arns("batch", "job-definition/", lambda _: (f"{JOB_NAME_PREFIX}*",)),
        "Jobs": _make_arns("batch", "job/", lambda _: ("*",)),
        "Consumables": _make_arns("batch", "consumable-resource/", lambda scope: scope.consumables),
        "Roles": lambda scope: (
            *scope.job_roles,
            *scope.execution_roles,
            *scope.head_roles,
        ),
        "InstanceProfiles": lambda scope: (
            f"arn:{scope.partition}:iam::{scope.account_id}:instance-profile/*",
        ),
        "Quotas": lambda scope: tuple(
            make_arn(scope, "servicequotas", f"{service}/", "*") for service in ("ec2", "fargate")
        ),
        "Area": _list_area,
        "JobArea": _list_job_area,
        "AreaBucket": _list_area_bucket,
        "Reads": lambda scope: _list_objects(scope, scope.reads),
        "Writes": lambda scope: _list_objects(scope, scope.writes),
        "DataBuckets": lambda scope: tuple(
            make_bucket_arn(scope, place.bucket) for place in (*scope.reads, *scope.writes)
        ),
        "AclArea": lambda scope: _list_area(scope) if scope.sets_acl else (),
        "AclJobArea": lambda scope: _list_job_area(scope) if scope.sets_acl else (),
        "AclWrites": lambda scope: _list_objects(scope, scope.writes) if scope.sets_acl else (),
        "AllBuckets": lambda scope: (make_bucket_arn(scope, "*"),),
        "OwnRepositories": _make_arns("ecr", "repository/", _list_own_repositories),
        "MakableRepositories": _make_arns("ecr", "repository/", _list_makable_repositories),
        "Repositories": _make_arns("ecr", "repository/", lambda scope: scope.repositories),
        "AllRepositories": _make_arns("ecr", "repository/", lambda _: ("*",)),
        "LogStreams": _list_log_streams,
        "Secrets": lambda scope: _list_secrets(scope.secrets),
        "Parameters": _list_parameters,
        "Logins": lambda scope: _list_secrets(scope.logins),
        "S3Keys": lambda scope: scope.s3_kms_keys,
        "SecretKeys": lambda scope: scope.secret_kms_keys,
        "Clusters": _make_arns("ecs", "cluster/", lambda _: CLUSTERS),
        "ClusterInstances": _make_arns(
            "ecs", "container-instance/", lambda _: tuple(f"{name}/*" for name in CLUSTERS)
        ),
    }
)
"""By the names that rows of the table use, which statements of policies are called after. A kind
without ARNs, because the scope names nothing of it, is granted nothing."""
