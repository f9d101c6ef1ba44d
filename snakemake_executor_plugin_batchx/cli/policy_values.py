"""What the options of `batchx policy` may be given."""

import re
from collections.abc import Mapping, Sequence

from snakemake_executor_plugin_batchx.infra.pulled import is_repository, name_repository
from snakemake_executor_plugin_batchx.plan.readers import ACCOUNT, PARTITION, REGION
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE

ROLE = rf"arn:{PARTITION}:iam::{ACCOUNT}:role/.+"
KEY = rf"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/[\w*-]+|(mrk-)?[0-9a-f-]{{8,}}"
KEY_WANTED = "the ARN of a KMS key, or its id; an alias tells IAM nothing"

LOGIN = rf"arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT}:secret:.+"
SECRET = rf"{LOGIN}|arn:{PARTITION}:ssm:{REGION}:{ACCOUNT}:parameter/.+|/.+"

NAME = r"[\w*?-]{1,128}"
"""Of queues and consumable resources, with * and ? as IAM takes them
(https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html)."""

BATCH_ARN = rf"arn:{PARTITION}:batch:{REGION}:{ACCOUNT}:"
LOG_GROUP = r"[\w.*?/#-]{1,512}"
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"""

S3_URL = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

URL_WANTED = "an S3 URL such as s3://my-bucket/my-run"

FORMS: Mapping[str, tuple[str, str, str]] = {
    "queues": ("--queue", rf"({BATCH_ARN}job-queue/)?{NAME}", "the name or ARN of a job queue"),
    "root": ("--s3-root", S3_URL, URL_WANTED),
    "reads": ("--read", S3_URL, URL_WANTED),
    "writes": ("--write", S3_URL, URL_WANTED),
    "log_groups": ("--log-group", LOG_GROUP, "the name of a log group"),
    "consumables": (
        "--consumable",
        rf"({BATCH_ARN}consumable-resource/)?{NAME}",
        "the name or ARN of a consumable resource",
    ),
    "job_roles": ("--job-role", ROLE, "the ARN of a role"),
    "execution_roles": ("--execution-role", ROLE, "the ARN of a role"),
    "head_roles": ("--head-role", ROLE, "the ARN of a role"),
    "secrets": ("--secret", SECRET, "the ARN of a secret or of a parameter"),
    "logins": ("--login", LOGIN, "the ARN of a secret"),
    "s3_kms_keys": ("--s3-kms-key", KEY, KEY_WANTED),
    "secret_kms_keys": ("--secrets-kms-key", KEY, KEY_WANTED),
}
"""What values must look like, and how that is told."""


def check_values(many: Mapping[str, Sequence[str]]) -> None:
    """Raise BatchxError with a sentence for each value that nothing can be called so."""
    problems = Problems()
    if LOCAL_QUEUE in many["queues"]:
        problems.add_reasons(
            ["The queue local exists only inside a run, where nobody needs a permission"]
        )
    for dest, (flag, pattern, wanted) in FORMS.items():
        problems.add_reasons(
            f"{flag} {value!r} is not valid: it must be {wanted}"
            for value in many[dest]
            if not re.fullmatch(pattern, value, re.ASCII)
        )
    problems.add_reasons(
        f"--pull {value!r} is no repository or image in ECR: images of other registries need no "
        "permission; leave it out"
        for value in many["repositories"]
        if not is_repository(name_repository(value))
    )
    problems.raise_all()
