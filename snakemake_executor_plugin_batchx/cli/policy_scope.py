"""What `batchx policy` is asked about: options, a run's environment variables, and AWS at last."""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.partitions import find_partition, read_arn_partition
from snakemake_executor_plugin_batchx.cli.aws_options import name_options, open_aws
from snakemake_executor_plugin_batchx.cli.doctor import read_variable
from snakemake_executor_plugin_batchx.cli.policy_values import check_values
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY, Destination
from snakemake_executor_plugin_batchx.infra.pulled import name_repository
from snakemake_executor_plugin_batchx.permissions.resources import make_arn
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP
from snakemake_executor_plugin_batchx.plan.pairs import (
    SECRETS_MANAGER_ARN,
    read_consumables,
    read_registry_logins,
    read_secrets,
)
from snakemake_executor_plugin_batchx.plan.readers import ACCOUNT, PARTITION, REGION
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.storage.layout import make_s3_root, parse_s3_url

T = TypeVar("T")

Pairs = tuple[tuple[str, T], ...]

IAM_SPECIAL = re.compile(r"[?$]|\*(?!/*$)")
"""What means something else in policies than itself, unless it is written as ${?}, ${$}, ${*}."""

QUEUE_ARN = re.compile(rf"arn:{PARTITION}:batch:(?P<region>{REGION}):(?P<account>{ACCOUNT}):.*")


def _read_values(*settings: str) -> list[str]:
    return [value for value in map(read_variable, settings) if value]


def _read_pairs(setting: str, read: Callable[[object], tuple[tuple[str, T], ...]]) -> Pairs[T]:
    """Return a setting of several NAME=VALUE. Raises BatchxError where it is wrong."""
    problems = Problems(reword=lambda reason: f"SNAKEMAKE_BATCHX_{setting.upper()} {reason}")
    pairs: Pairs[T] = ()
    with problems:
        pairs = read(read_variable(setting) or "")
    problems.raise_all()
    return pairs


@dataclass(frozen=True)
class ManyOption:
    """An option that may be repeated; `read` returns what a run's environment has instead."""

    flags: tuple[str, ...]
    dest: str
    metavar: str
    meaning: str
    read: Callable[[], list[str]] = list


MANY = (
    ManyOption(
        ("--queue", "--job-queue"),
        "queues",
        "QUEUE",
        "name or ARN of a job queue",
        lambda: _read_values("job_queue", "fallback_queue", "head_queue"),
    ),
    ManyOption(
        ("--read",), "reads", "S3_URL", "what workflows read in S3, beside the S3 root: all below"
    ),
    ManyOption(
        ("--write",), "writes", "S3_URL", "what workflows read, write and delete in S3: all below"
    ),
    ManyOption(
        ("--pull",),
        "repositories",
        "NAME",
        "an ECR repository that images are pulled from: name (mylab/*), ARN, or image",
    ),
    ManyOption(
        ("--job-role",), "job_roles", "ARN", "a role of jobs", lambda: _read_values("job_role")
    ),
    ManyOption(
        ("--execution-role",),
        "execution_roles",
        "ARN",
        "a role that pulls images and writes logs",
        lambda: _read_values("execution_role"),
    ),
    ManyOption(
        ("--head-role",),
        "head_roles",
        "ARN",
        "a role of heads of detached runs",
        lambda: _read_values("head_role"),
    ),
    ManyOption(
        ("--log-group",),
        "log_groups",
        "NAME",
        f"a log group of jobs (default: {DEFAULT_LOG_GROUP})",
        lambda: _read_values("log_group") or [DEFAULT_LOG_GROUP],
    ),
    ManyOption(
        ("--secret",),
        "secrets",
        "ARN",
        "a secret or parameter that jobs get (batchx_secrets)",
        lambda: [arn for _, arn in _read_pairs("secrets", read_secrets)],
    ),
    ManyOption(
        ("--login",),
        "logins",
        "ARN",
        "a secret with the login of a registry (batchx_registry_credentials)",
        lambda: [arn for _, arn in _read_pairs("registry_credentials", read_registry_logins)],
    ),
    ManyOption(
        ("--s3-kms-key",),
        "s3_kms_keys",
        "ARN",
        "a KMS key of yours that encrypts objects in S3",
        lambda: _read_values("s3_kms_key_id"),
    ),
    ManyOption(
        ("--secrets-kms-key",),
        "secret_kms_keys",
        "ARN",
        "a KMS key of yours that encrypts a --secret or --login",
    ),
    ManyOption(
        ("--consumable",),
        "consumables",
        "NAME",
        "a consumable resource that jobs hold",
        lambda: [name for name, _ in _read_pairs("consumables", read_consumables)],
    ),
)


def add_scope_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name what policies are about."""
    for option in MANY:
        parser.add_argument(
            *option.flags,
            dest=option.dest,
            action="append",
            metavar=option.metavar,
            help=f"{option.meaning}; may be repeated",
        )
    parser.add_argument(
        "--s3-root",
        default=read_variable("s3_root"),
        metavar="S3_URL",
        help="where jobs and the head exchange files",
    )
    parser.add_argument(
        "--repository",
        default=read_variable("repository") or DEFAULT_REPOSITORY,
        metavar="NAME",
        help=f"the ECR repository for derived images, or a prefix/ (default: {DEFAULT_REPOSITORY})",
    )
    parser.add_argument(
        "--account", metavar="ID", help="the account (default: that of a queue's ARN, or your own)"
    )
    parser.add_argument(
        "--no-optional",
        dest="has_options",
        action="store_false",
        help="leave out what a run can do without",
    )


def make_scope(args: argparse.Namespace) -> Scope:
    """Return what the options name, else what a run would find, its account from AWS if need be.

    Raises BatchxError where something is wrong, or is needed and cannot be found.
    """
    many = {option.dest: getattr(args, option.dest) or option.read() for option in MANY}
    check_values({**many, "root": [args.s3_root] if args.s3_root else []})
    region, account = _find_place(args, many["queues"])
    plain = Scope(find_partition(region), region, account)
    scope = replace(
        plain,
        queues=tuple(many["queues"]),
        area=_read_area(args.s3_root),
        reads=tuple(map(_read_place, many["reads"])),
        writes=tuple(map(_read_place, many["writes"])),
        repositories=tuple(map(name_repository, many["repositories"])),
        own_repository=_choose_own_repository(args.repository),
        job_roles=tuple(many["job_roles"]),
        execution_roles=tuple(many["execution_roles"]),
        head_roles=tuple(many["head_roles"]),
        log_groups=tuple(many["log_groups"]),
        secrets=tuple(_name_secret(plain, each) for each in many["secrets"]),
        logins=tuple(many["logins"]),
        s3_kms_keys=_name_keys(plain, many["s3_kms_keys"]),
        secret_kms_keys=_name_keys(plain, many["secret_kms_keys"]),
        consumables=tuple(many["consumables"]),
        sets_acl=bool(read_variable("s3_acl")),
        has_options=args.has_options,
    )
    _check_partition(scope)
    return scope


def _find_place(args: argparse.Namespace, queues: Iterable[str]) -> tuple[str, str]:
    """Return region and account: as options and ARNs of queues name them, else as AWS tells."""
    found = [match for match in map(QUEUE_ARN.fullmatch, queues) if match]
    if args.account and not re.fullmatch(ACCOUNT, args.account, re.ASCII):
        raise BatchxError(
            f"--account {args.account!r} is not valid: it must be the 12 digits of one."
        )
    region = _choose_place("region", args.region, found)
    account = _choose_place("account", args.account, found)
    if region and account:
        return region, account
    session = open_aws(args)
    gateway = AccountGateway(session.make_check_client, session.region)
    return session.region, account or str(gateway.get_identity()["Account"])


def _choose_place(part: str, named: str | None, queues: Sequence[re.Match[str]]) -> str | None:
    """Return the region or account that an option names, or the ARNs of queues.

    Raises BatchxError where they name several: in a policy of one place, a queue of another would
    be one that nobody may submit to.
    """
    told = {match[part]: match[0] for match in queues}
    if named and set(told) - {named}:
        other, queue = next((place, arn) for place, arn in told.items() if place != named)
        raise BatchxError(
            f"--{part} {named} is not the {part} of --queue {queue} ({other}): leave the {part} "
            "out, or name a queue there."
        )
    if len(told) > 1:
        raise BatchxError(
            f"--queue {' and --queue '.join(told.values())} are of several {part}s "
            f"({', '.join(told)}): a policy is about one, so print one for each."
        )
    return named or next(iter(told), None)


def _read_area(s3_root: str | None) -> S3Place | None:
    if not s3_root:
        return None
    root = make_s3_root(_quote_url(s3_root))
    return S3Place(root.bucket, root.prefix)


def _read_place(url: str) -> S3Place:
    return S3Place(*parse_s3_url(_quote_url(url)))


def _quote_url(url: str) -> str:
    """Return an S3 URL as IAM reads it literally, but for a * at its end.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return IAM_SPECIAL.sub(r"${\g<0>}", url)


def _choose_own_repository(setting: str) -> str:
    """Return where derived images go, nothing where none are derived."""
    is_derived = (read_variable("runtime") or "layer") != "image"
    try:
        return Destination(setting).setting if is_derived else ""
    except BatchxError as error:
        raise BatchxError(name_options(str(error))) from error


def _name_keys(scope: Scope, given: Iterable[str]) -> tuple[str, ...]:
    return tuple(make_arn(scope, "kms", "key/", each) for each in given)


def _name_secret(scope: Scope, given: str) -> str:
    """Return the ARN of a secret or parameter, without the key and version that jobs get of it."""
    if SECRETS_MANAGER_ARN.fullmatch(given):
        return ":".join(given.split(":")[:7])
    return make_arn(scope, "ssm", "parameter", given)


def _check_partition(scope: Scope) -> None:
    """Raise BatchxError where an ARN is of another partition than the region."""
    named = (
        *scope.queues,
        *scope.repositories,
        *scope.job_roles,
        *scope.execution_roles,
        *scope.head_roles,
    )
    for arn in (*named, *scope.secrets, *scope.logins, *scope.s3_kms_keys, *scope.secret_kms_keys):
        partition = read_arn_partition(arn)
        if partition and partition != scope.partition:
            raise BatchxError(
                f"{arn} is of AWS's partition {partition}, and {scope.region} of "
                f"{scope.partition}: name one of the same partition, or another --region."
            )
