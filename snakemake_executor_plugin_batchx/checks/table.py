"""The checks of `batchx doctor`, as one table: what each looks at, and what that takes.

From the table come the order of its output and the reference in the documentation.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A row. `permissions` are IAM's, of the head; `in_run` tells that a run looks at it, too."""

    name: str
    meaning: str
    permissions: tuple[str, ...]
    in_run: bool


SETTINGS = "settings"
CREDENTIALS = "credentials"
CLOCK = "clock"
QUEUE = "queue"
ENVIRONMENT = "environment"
INSTANCE_ROLE = "instance-role"
JOB_ROLE = "job-role"
EXECUTION_ROLE = "execution-role"
HEAD_ROLE = "head-role"
LOG_GROUP = "log-group"
S3_ROOT = "s3-root"
REGISTRY = "registry"
RUNTIME = "runtime"
IMAGE = "image"
QUOTA = "quota"

CHECKS = (
    Check(SETTINGS, "the settings are of the form that they must have", (), True),
    Check(
        CREDENTIALS,
        "AWS knows the credentials: whose they are, which account, which region",
        ("sts:GetCallerIdentity (which is never denied)",),
        False,
    ),
    Check(
        CLOCK, "this machine's clock shows AWS's time: from 5 min on, calls are refused", (), True
    ),
    Check(
        QUEUE,
        "each job queue is in the region, ENABLED, VALID and of a kind on which jobs can run",
        ("batch:DescribeJobQueues",),
        True,
    ),
    Check(
        ENVIRONMENT,
        "its compute environments are ENABLED and VALID and may have vCPUs",
        ("batch:DescribeComputeEnvironments",),
        True,
    ),
    Check(
        INSTANCE_ROLE,
        "the instance profile of EC2 compute environments is there, with a role for EC2",
        ("iam:GetInstanceProfile",),
        True,
    ),
    Check(
        JOB_ROLE,
        "the job role is there, of the queue's account, and trusts ecs-tasks.amazonaws.com",
        ("iam:GetRole",),
        True,
    ),
    Check(
        EXECUTION_ROLE,
        "likewise the execution role, which Fargate and secrets need",
        ("iam:GetRole",),
        True,
    ),
    Check(
        HEAD_ROLE,
        "likewise the role of the heads of detached runs (`batchx run`), if one is named",
        ("iam:GetRole",),
        False,
    ),
    Check(
        LOG_GROUP,
        "the log group is there; /aws/batch/job need not be, Batch makes it",
        ("logs:DescribeLogGroups",),
        True,
    ),
    Check(
        S3_ROOT,
        "the bucket is there, in the queue's region, and an object can be written, read and "
        "deleted below the root",
        ("s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"),
        True,
    ),
    Check(
        REGISTRY,
        "ECR hands out a login, and the repository for images with the runtime can be used",
        ("ecr:GetAuthorizationToken", "ecr:DescribeRepositories"),
        True,
    ),
    Check(
        RUNTIME,
        "where the job runtime for the queue's processors comes from",
        (),
        True,
    ),
    Check(
        IMAGE,
        "each image named can be read, for the queue's processors",
        ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        True,
    ),
    Check(
        QUOTA,
        "the account's quotas of vCPUs are no less than the maxvCpus of compute environments",
        ("servicequotas:GetServiceQuota",),
        False,
    ),
)

ORDER = {check.name: number for number, check in enumerate(CHECKS)}
