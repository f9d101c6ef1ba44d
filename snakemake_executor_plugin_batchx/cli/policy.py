"""`batchx policy`: what AWS has to allow, as IAM policies to attach."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options
from snakemake_executor_plugin_batchx.cli.policy_scope import add_scope_options, make_scope
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.permissions.policy import (
    MAX_INLINE_CHARACTERS,
    MAX_MANAGED_CHARACTERS,
    count_characters,
    make_policy,
)
from snakemake_executor_plugin_batchx.permissions.row import EXECUTION, HEAD, HOLDERS, INSTANCE, JOB
from snakemake_executor_plugin_batchx.permissions.scope import Scope


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "policy",
        help="print an IAM policy with no permission more than is needed",
        description="Print, as JSON, what AWS has to allow the head (who runs Snakemake), the role "
        "of jobs, the execution role or the role of instances. What is not named here comes from a "
        "run's environment variables; with --account and --region AWS is not asked.",
    )
    parser.add_argument("holder", choices=HOLDERS, help="who is to hold it")
    add_scope_options(parser)
    add_aws_options(parser)
    parser.set_defaults(run=run_policy)


def run_policy(args: argparse.Namespace) -> int:
    """Print the policy, and on stderr what there is to know of it."""
    scope = make_scope(args)
    _require(args.holder, scope)
    policy = make_policy(args.holder, scope)
    for note in iter_notes(args.holder, scope, policy):
        print(f"batchx: {note}", file=sys.stderr)
    print(json.dumps(policy, indent=2))
    return 0


def _require(holder: str, scope: Scope) -> None:
    """Raise BatchxError where the scope lacks what a policy would be of no use without."""
    if holder == HEAD and not scope.queues:
        raise BatchxError(
            "No job queue is named, so the head could submit nothing: give --queue QUEUE (or set "
            "SNAKEMAKE_BATCHX_JOB_QUEUE)."
        )
    stands_in = holder == INSTANCE and not scope.job_roles
    if scope.area is None and (holder in {HEAD, JOB} or stands_in):
        or_role = "; instances need none where jobs have a --job-role" if stands_in else ""
        raise BatchxError(
            "No S3 root is named, so jobs could get no files: give --s3-root s3://bucket/prefix "
            f"(or set SNAKEMAKE_BATCHX_S3_ROOT){or_role}."
        )


def iter_notes(holder: str, scope: Scope, policy: dict[str, Any]) -> Iterator[str]:
    """Yield what a policy does not say by itself."""
    if holder == HEAD and not (scope.job_roles or scope.execution_roles):
        yield (
            "no --job-role and no --execution-role is named, so iam:PassRole is left out: jobs "
            "have the role of their instances"
        )
    if holder == INSTANCE and not scope.job_roles:
        yield (
            "no --job-role is named, so instances are allowed what jobs need, and with them all "
            "that runs there"
        )
    if holder == INSTANCE and not scope.execution_roles:
        yield (
            "no --execution-role is named, so instances are allowed to pull images and to write "
            "logs, and with them all that runs there"
        )
    if holder == EXECUTION and not scope.own_repository and not scope.repositories:
        yield "no repository of ECR is named (--pull), so images of ECR cannot be pulled"
    size = count_characters(policy)
    if size > MAX_MANAGED_CHARACTERS:
        advice = (
            f"make it an inline policy of a role, whose may have {MAX_INLINE_CHARACTERS} together"
            if size <= MAX_INLINE_CHARACTERS
            else f"a role's inline policies may have {MAX_INLINE_CHARACTERS} only, so name fewer "
            "things, or several by a *"
        )
        yield (
            f"the policy has {size} characters without white space, and a managed one may have "
            f"{MAX_MANAGED_CHARACTERS}: {advice}"
        )
