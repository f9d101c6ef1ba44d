"""Why a stack could not be made, changed or deleted, and what to do about it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.infra.gateway import StackEvent

MAX_REASON_CHARACTERS = 600


@dataclass(frozen=True)
class StackFailure:
    """A pattern in CloudFormation's reason, and the fix; groups of the one may be in the other."""

    pattern: str
    fix: str


ROWS = (
    StackFailure(
        r"not authorized to perform: (?P<action>[\w-]+:\w+)",
        "Whoever runs this lacks {action}: have an administrator give it, or run this "
        "(docs/account.md lists all that it takes).",
    ),
    StackFailure(
        r"Fn::Select +cannot select nonexistent value at index 2",
        "The region shows this account no more than 2 zones: leave --zones out.",
    ),
    StackFailure(
        r"Fn::Select +cannot select nonexistent value at index 1",
        "The region shows this account no more than 1 zone with a default subnet: name subnets of "
        "your own by --vpc and --subnet, or have one made (aws ec2 create-default-subnet).",
    ),
    StackFailure(
        r"Instance type can only be one of",
        "The region lacks one of the instance types: name others by --instance-types, "
        "--arm-instance-types or --gpu-instance-types.",
    ),
    StackFailure(
        r"maximum number of (?P<what>VPCs|internet gateways|security groups)|VpcLimitExceeded",
        "The account has as many as it may have: name a VPC that is there (--vpc, --subnet), "
        "delete one, or have the quota raised in Service Quotas.",
    ),
    StackFailure(
        r"(?i)bucket you tried to delete is not empty|BucketNotEmpty",
        "Something has been written to it meanwhile: run batchx infra down again, with "
        "--delete-data if it may go.",
    ),
    StackFailure(
        r"Cannot delete a policy attached to entities",
        "Somebody has the stack's policy still, as a permissions boundary or since a moment ago: "
        "run batchx infra down again, and if it says the same, remove the boundary (aws iam "
        "list-entities-for-policy names who has it).",
    ),
    StackFailure(
        r"must detach all policies first|must delete policies first",
        "Somebody has given this role further policies: take them away (aws iam "
        "list-attached-role-policies and list-role-policies name them), and run this again.",
    ),
    StackFailure(
        r"must remove roles from instance profile",
        "An instance profile of somebody else's has this role: take it out of there (aws iam "
        "list-instance-profiles-for-role names it), and run this again.",
    ),
    StackFailure(
        r"found existing JobQueue relationship",
        "A job queue of somebody else's uses this compute environment: take it out of there, and "
        "run this again.",
    ),
    StackFailure(
        r"already exists",
        "Something of that name was left behind or is somebody else's: delete it, or name another "
        "stack by --stack.",
    ),
    StackFailure(
        r"did not stabilize|NotStabilized",
        "aws batch describe-compute-environments tells why (statusReason); mostly it is a role or "
        "an instance type.",
    ),
    StackFailure(
        r"(?i)rate exceeded|throttl",
        "AWS was asked too often, by whomever: run this again.",
    ),
)
"""The first that matches counts. Where these words are from: tests/aws_messages/stacks.json."""

UNKNOWN_FIX = (
    "Mend what it says and run this again; CloudFormation's console shows all events of the stack."
)


def find_first_failure(events: Iterable[StackEvent]) -> StackEvent | None:
    """Return the event that the others follow from; None where nothing has failed."""
    return next((event for event in events if event.is_failure), None)


def explain_failure(event: StackEvent) -> str:
    """Return what failed and why, and what to do."""
    reason = " ".join(event.reason.split()).rstrip(".") or "CloudFormation does not say why"
    if len(reason) > MAX_REASON_CHARACTERS:
        reason = f"{reason[:MAX_REASON_CHARACTERS]}…"
    return f"{event.resource} ({event.kind}) is {event.status}: {reason}. {find_fix(event.reason)}"


def find_fix(reason: str) -> str:
    """Return what to do about a reason."""
    for row in ROWS:
        if match := re.search(row.pattern, reason):
            return row.fix.format(**match.groupdict())
    return UNKNOWN_FIX
