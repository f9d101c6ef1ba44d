"""What jobs need of an account beside queues and images: roles, log groups, buckets, quotas."""

import functools
from collections.abc import Callable, Iterable, Sequence

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.credential_words import TROUBLES
from snakemake_executor_plugin_batchx.aws.errors import SKEWED_CODE, AwsError
from snakemake_executor_plugin_batchx.checks.finding import Finding, judge_trouble, split_sentence
from snakemake_executor_plugin_batchx.checks.identity import judge_credentials, judge_identity
from snakemake_executor_plugin_batchx.checks.log_groups import judge_log_group
from snakemake_executor_plugin_batchx.checks.queues import (
    ProfileUse,
    QueueFacts,
    list_instance_profiles,
)
from snakemake_executor_plugin_batchx.checks.quotas import Quota, judge_quota
from snakemake_executor_plugin_batchx.checks.roles import (
    RoleWish,
    judge_account,
    judge_profile,
    judge_role,
)
from snakemake_executor_plugin_batchx.checks.s3_root import judge_bucket
from snakemake_executor_plugin_batchx.checks.table import (
    CREDENTIALS,
    INSTANCE_ROLE,
    LOG_GROUP,
    QUOTA,
    S3_ROOT,
)
from snakemake_executor_plugin_batchx.examination.inquiries import Inquiries

IDENTITY = "sts:GetCallerIdentity"


class Examiner:
    """Looks at one thing a method. Where AWS does not tell of it, that is a warning.

    Safe to use from many threads. `region` is the queue's.
    """

    def __init__(self, account: AccountGateway, region: str) -> None:
        self._account = account
        self._region = region

    def examine_identity(self) -> list[Finding]:
        """Tell whose the credentials are; nothing where the clock is what AWS finds wrong."""
        try:
            return [judge_identity(self._account.get_identity(), self._region)]
        except AwsError as error:
            if error.code == SKEWED_CODE:
                return []
            refused = judge_credentials(error.code)
            if refused is None and error.code in TROUBLES:
                refused = split_sentence(CREDENTIALS, str(error))
            return [
                refused
                or judge_trouble(CREDENTIALS, "The identity", IDENTITY, error.code, str(error))
            ]

    def examine_role(self, wish: RoleWish, account: str) -> list[Finding]:
        """Look at a role; of one of another account than the queue's, nothing is asked."""
        stranger = judge_account(wish, account)
        if stranger:
            return [stranger]
        return self._look(
            wish.check,
            wish.named,
            "iam:GetRole",
            lambda: judge_role(wish, self._account.find_role(wish.name)),
        )

    def examine_profile(self, use: ProfileUse) -> list[Finding]:
        """Look at an instance profile."""
        name = use.profile.rpartition("/")[2]
        return self._look(
            INSTANCE_ROLE,
            f"Instance profile {name} of {', '.join(use.environments)}",
            "iam:GetInstanceProfile",
            lambda: judge_profile(use, self._account.find_instance_profile(name)),
        )

    def examine_log_group(self, name: str, who: str) -> list[Finding]:
        """Look at a log group."""
        return self._look(
            LOG_GROUP,
            f"Log group {name} ({who})",
            "logs:DescribeLogGroups",
            lambda: judge_log_group(name, who, self._account.list_log_groups(name)),
        )

    def examine_bucket(self, bucket: str) -> list[Finding]:
        """Look at where a bucket is."""
        return self._look(
            S3_ROOT,
            f"The region of S3 bucket {bucket}",
            "s3:ListBucket",
            lambda: judge_bucket(bucket, self._account.find_bucket_region(bucket), self._region),
        )

    def examine_quota(self, quota: Quota, environments: dict[str, int]) -> list[Finding]:
        """Look at a quota that bounds compute environments, which have maxvCpus by name."""
        return self._look(
            QUOTA,
            f"The quota {quota.code} ({quota.title})",
            "servicequotas:GetServiceQuota",
            lambda: judge_quota(
                quota, environments, self._account.find_quota(quota.service, quota.code)
            ),
        )

    def _look(
        self, check: str, thing: str, permission: str, judge: Callable[[], Finding]
    ) -> list[Finding]:
        try:
            return [judge()]
        except AwsError as error:
            return [judge_trouble(check, thing, permission, error.code, str(error))]


def begin_roles(
    inquiries: Inquiries, examiner: Examiner, wishes: Iterable[RoleWish], account: str
) -> None:
    """Begin to look at roles, which must be of the queue's account ("" where nobody knows it)."""
    for wish in wishes:
        make = functools.partial(examiner.examine_role, wish, account)
        inquiries.begin(wish.check, wish.named, make)


def begin_profiles(inquiries: Inquiries, examiner: Examiner, views: Sequence[QueueFacts]) -> None:
    """Begin to look at the instance profiles that compute environments name."""
    for use in list_instance_profiles(views):
        make = functools.partial(examiner.examine_profile, use)
        inquiries.begin(INSTANCE_ROLE, f"Instance profile {use.profile}", make)


def find_account(views: Iterable[QueueFacts]) -> str:
    """Return the account that the queues of a region are of, "" where none is there."""
    return next((view.account for view in views if view.account), "")
