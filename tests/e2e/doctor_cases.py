"""Accounts that are broken in one way each, for `batchx doctor`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faulty_front import DENIED, Faults, Refusal

ROLE = "arn:aws:iam::123456789012:role"

ACCOUNT_MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "accounts.json").read_text(encoding="utf-8")
)

# The first is of a compute environment; a tag's value holds 256 characters.
SHORT_REASON = ACCOUNT_MESSAGES[0]["message"].partition(" (Service")[0]

EXPIRED_SIGNATURE = next(
    Refusal(each["code"], each["message"])
    for each in ACCOUNT_MESSAGES
    if each["code"] == "SignatureDoesNotMatch"
)


def make_trust(**statement: Any) -> str:
    """Return a trust policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


EC2_ONLY = make_trust(
    Effect="Allow", Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole"
)

QUEUES: Mapping[str, Mapping[str, Any]] = {
    "closed": {"state": "DISABLED"},
    "off": {"environment": {"state": "DISABLED"}},
    "invalid": {"environment": {"tags": {"broken": SHORT_REASON}}},
    "no-profile": {"instanceRole": "gone"},
    "no-role": {"instanceRole": "empty"},
    "fargate": {},
}
"""Queues beside the sound one, and what is wrong with each."""


@dataclass(frozen=True)
class Broken:
    """A way in which an account, or what is said of it, is broken.

    `args` may hold {bucket}, which is the account's sound one. `is_warning` tells that jobs can
    live with it.
    """

    args: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    faults: Faults | None = None
    is_warning: bool = False


BROKEN: Mapping[str, Broken] = {
    "wrong_settings": Broken(
        ["--job-role", "me", "--s3-root", "bucket", "--log-group", "a b"],
        environment={"SNAKEMAKE_BATCHX_ARCH": "sparc"},
    ),
    "no_credentials": Broken(
        environment={
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    ),
    "no_such_profile": Broken(["--profile", "nobody"]),
    "expired_credentials": Broken(
        faults=Faults(
            {
                "sts:GetCallerIdentity": Refusal(
                    "ExpiredToken", "The security token included in the request is expired"
                )
            }
        )
    ),
    "unknown_credentials": Broken(
        faults=Faults(
            {
                "sts:GetCallerIdentity": Refusal(
                    "InvalidClientTokenId",
                    "The security token included in the request is invalid.",
                )
            }
        )
    ),
    "clock_of_yesterday": Broken(
        faults=Faults({"sts:GetCallerIdentity": EXPIRED_SIGNATURE}, ahead_seconds=86400)
    ),
    "clock_a_bit_slow": Broken(faults=Faults(ahead_seconds=150), is_warning=True),
    "no_queue": Broken(environment={"SNAKEMAKE_BATCHX_JOB_QUEUE": ""}),
    "unknown_queue": Broken(["--job-queue", "missing"]),
    "queue_elsewhere": Broken(
        [
            *("--job-queue", "batchx-local"),
            *("--job-queue", "arn:aws:batch:eu-west-1:123456789012:job-queue/batchx-local"),
        ]
    ),
    "queue_disabled": Broken(["--job-queue", "closed"]),
    "queue_not_allowed": Broken(
        ["--job-role", f"{ROLE}/missing"], faults=Faults({"batch:DescribeJobQueues": DENIED})
    ),
    "environment_disabled": Broken(["--job-queue", "off"]),
    "environment_invalid": Broken(["--job-queue", "invalid"]),
    "instance_profile_missing": Broken(["--job-queue", "no-profile"]),
    "instance_profile_without_role": Broken(["--job-queue", "no-role"]),
    "job_role_missing": Broken(["--job-role", f"{ROLE}/missing"]),
    "job_role_not_trusting": Broken(["--job-role", f"{ROLE}/for-ec2"]),
    "execution_role_of_others": Broken(["--execution-role", "arn:aws:iam::999999999999:role/ecs"]),
    "fargate_without_role": Broken(["--job-queue", "fargate"]),
    "log_group_missing": Broken(["--log-group", "/lab"]),
    "bucket_missing": Broken(["--s3-root", "s3://no-such-bucket-here/run"]),
    "bucket_locked": Broken(["--s3-root", "s3://locked-bucket/run"]),
    "bucket_elsewhere": Broken(["--s3-root", "s3://irish-bucket/run"], is_warning=True),
    "no_s3_root": Broken(environment={"SNAKEMAKE_BATCHX_S3_ROOT": ""}),
    "registry_not_allowed": Broken(faults=Faults({"ecr:GetAuthorizationToken": DENIED})),
    "repository_missing": Broken(environment={"SNAKEMAKE_BATCHX_REPOSITORY": "lab/tools"}),
    "image_missing": Broken(["--image", "{registry}/lab/tool:1", "--image", "tool.sif"]),
    "quota_too_small": Broken(
        faults=Faults(answers={"servicequotas:GetServiceQuota": {"Quota": {"Value": 32.0}}}),
        is_warning=True,
    ),
    "nothing_allowed": Broken(
        ["--job-role", f"{ROLE}/batchx-local-job"],
        faults=Faults(
            dict.fromkeys(
                (
                    *("iam:GetRole", "iam:GetInstanceProfile", "logs:DescribeLogGroups"),
                    *("servicequotas:GetServiceQuota", "s3:HEAD"),
                ),
                DENIED,
            )
        ),
        is_warning=True,
    ),
    "batch_out_of_reach": Broken(faults=Faults(silent=frozenset({"batch"})), is_warning=True),
    "sts_out_of_reach": Broken(faults=Faults(silent=frozenset({"sts"})), is_warning=True),
    "aws_silent": Broken(faults=Faults(silent=frozenset({"sts", "batch"}))),
    "aws_out_of_reach": Broken(environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    "iam_out_of_reach": Broken(faults=Faults(silent=frozenset({"iam"})), is_warning=True),
}
