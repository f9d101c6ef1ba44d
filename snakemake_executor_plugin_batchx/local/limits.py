"""The numeric limits of AWS Batch that the embedded Batch enforces, as one table.

A row says what is limited, the bounds (inclusive), the words of the refusal and where the rule
stands. ``is_quoted`` is true where the words are those that AWS answers with (seen in public
reports); the other words are ours. Later limits are added here, as rows; those of containers are in
container_limits.py, what names and other texts must look like in patterns.py, which words may stand
somewhere in choices.py, what EC2 and Fargate take in platforms.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

API = "https://docs.aws.amazon.com/batch/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/batch/latest/userguide"
QUOTAS = f"{GUIDE}/service_limits.html"


@dataclass(frozen=True)
class Bound:
    """Inclusive bounds of a number, a count or a length.

    ``message`` may use ``{value}``, ``{minimum}`` and ``{maximum}``.
    """

    minimum: int
    maximum: int
    message: str
    source: str
    is_quoted: bool = False

    def is_kept(self, value: int) -> bool:
        """True if ``value`` lies within the bounds."""
        return self.minimum <= value <= self.maximum

    def describe_breach(self, value: int) -> str:
        """The refusal's text for ``value``."""
        return self.message.format(value=value, minimum=self.minimum, maximum=self.maximum)


KIB = 1024

BOUNDS = MappingProxyType(
    {
        # Seen in https://github.com/ASFHyP3/hyp3/issues/3041.
        "submit_bytes": Bound(
            0,
            30 * KIB,
            "Job size must be less than 30 KiB, got {value} KiB",
            QUOTAS,
            is_quoted=True,
        ),
        "definition_bytes": Bound(
            0,
            24 * KIB,
            "Job definition size must be less than 24 KiB, got {value} KiB",
            QUOTAS,
        ),
        "array_size": Bound(
            2,
            10_000,
            "Array size should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_ArrayProperties.html",
        ),
        # Seen in https://github.com/pegasus-isi/pegasus/issues/2086.
        "describe_jobs": Bound(
            0,
            100,
            "Maximum number of jobs supported is  {maximum} .",
            f"{API}/API_DescribeJobs.html",
            is_quoted=True,
        ),
        "describe_job_definitions": Bound(
            0,
            100,
            "Maximum number of job definitions supported is {maximum}, got {value}",
            f"{API}/API_DescribeJobDefinitions.html",
        ),
        "bulk_jobs": Bound(
            1,
            50,
            "The number of jobs should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_TerminateJobs.html",
        ),
        "list_by_status": Bound(
            1,
            1000,
            "maxResults should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_ListJobs.html",
        ),
        "list_by_filter": Bound(
            1,
            100,
            "maxResults should be between {minimum} and {maximum} with filters, got {value}",
            f"{API}/API_ListJobs.html",
        ),
        "page_of_100": Bound(
            1,
            100,
            "maxResults should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_DescribeJobDefinitions.html",
        ),
        "list_filters": Bound(
            0,
            1,
            "Only one filter can be used at a time, got {value}",
            f"{API}/API_ListJobs.html",
        ),
        "dependencies": Bound(
            0,
            20,
            "A job can depend upon a maximum of {maximum} jobs, got {value}",
            f"{API}/API_SubmitJob.html",
        ),
        "reason_length": Bound(
            1,
            1024,
            "Reason length should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_TerminateJob.html",
        ),
        "attempts": Bound(
            1,
            10,
            "RetryAttempts should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_RetryStrategy.html",
        ),
        "evaluate_on_exit": Bound(
            0,
            5,
            "evaluateOnExit supports up to {maximum} conditions, got {value}",
            f"{API}/API_RetryStrategy.html",
        ),
        "glob_length": Bound(
            1,
            512,
            "An evaluateOnExit pattern can contain up to {maximum} characters, got {value}",
            f"{API}/API_EvaluateOnExit.html",
        ),
        "timeout_seconds": Bound(
            60,
            2**31 - 1,
            "The minimum value for the timeout is {minimum} seconds, got {value}",
            f"{API}/API_JobTimeout.html",
        ),
        "scheduling_priority": Bound(
            0,
            9999,
            "Scheduling priority should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_SubmitJob.html",
        ),
        "tags": Bound(
            0,
            50,
            "A resource can have up to {maximum} tags, got {value}",
            f"{API}/API_TagResource.html",
        ),
        "tag_key_length": Bound(
            1,
            128,
            "A tag key has {minimum} to {maximum} characters, got {value}",
            f"{API}/API_TagResource.html",
        ),
        "tag_value_length": Bound(
            0,
            256,
            "A tag value has up to {maximum} characters, got {value}",
            f"{API}/API_TagResource.html",
        ),
        "queue_environments": Bound(
            1,
            3,
            "A job queue has {minimum} to {maximum} compute environments, got {value}",
            QUOTAS,
        ),
        "queue_priority": Bound(
            0,
            1000,
            "Job queue priority should be between {minimum} and {maximum}, got {value}",
            f"{GUIDE}/job_queue_parameters.html",
        ),
        "queues": Bound(0, 50, "An account has up to {maximum} job queues", QUOTAS),
        "environments": Bound(0, 50, "An account has up to {maximum} compute environments", QUOTAS),
        "max_vcpus": Bound(
            1,
            2**31 - 1,
            "maxvCpus should be at least {minimum}, got {value}",
            f"{API}/API_ComputeResource.html",
        ),
        "time_limit_seconds": Bound(
            600,
            86_400,
            "maxTimeSeconds should be between {minimum} and {maximum}, got {value}",
            f"{API}/API_JobStateTimeLimitAction.html",
        ),
        "consumables": Bound(
            0,
            50_000,
            "An account has up to {maximum} consumable resources",
            f"{GUIDE}/resource-aware-scheduling-how-to-create.html",
        ),
        "job_consumables": Bound(
            0,
            5,
            "A job can require up to {maximum} consumable resources, got {value}",
            f"{GUIDE}/resource-aware-scheduling-how-to-for-jobs.html",
        ),
        "consumable_need": Bound(
            1,
            2**63 - 1,
            "The quantity of a consumable resource that a job requires should be at least "
            "{minimum}, got {value}",
            f"{API}/API_ConsumableResourceRequirement.html",
        ),
        "consumable_total": Bound(
            0,
            2**63 - 1,
            "The quantity of a consumable resource should not be negative, got {value}",
            f"{API}/API_CreateConsumableResource.html",
        ),
    }
)

CALLS_PER_SECOND = 50
"""Of all Batch operations together, per account and region. Source: service_limits.html"""
CALLS_BURST = 100
"""Calls that may come at once after a rest: AWS does not tell its own."""

OVERRIDE_CHARACTERS = 8192
"""ECS's limit on the overrides of RunTask; beyond it the job fails after SubmitJob accepted it.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
"""
OVERRIDES_TOO_LONG = "Container Overrides length must be at most 8192"
"""Seen in https://github.com/Netflix/metaflow/issues/1482."""

COMBINED_TAGS = 50
"""Tags of a job and its definition together, when propagated.

Source: API_SubmitJob, propagateTags.
"""

STOP_GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL.

Source: https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html
"""
