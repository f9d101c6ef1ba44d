"""What a run looks at in the account before its first job, while it opens."""

import functools
from collections.abc import Mapping, Sequence

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.instances import find_instance_sizes
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.checks.clock import judge_clock
from snakemake_executor_plugin_batchx.checks.finding import Finding, judge_trouble
from snakemake_executor_plugin_batchx.checks.queues import (
    QueueFacts,
    judge_environments,
    list_failures,
)
from snakemake_executor_plugin_batchx.checks.roles import RoleWish
from snakemake_executor_plugin_batchx.checks.table import (
    EXECUTION_ROLE,
    JOB_ROLE,
    LOG_GROUP,
    QUEUE,
    S3_ROOT,
)
from snakemake_executor_plugin_batchx.examination.account import (
    Examiner,
    begin_profiles,
    begin_roles,
    find_account,
)
from snakemake_executor_plugin_batchx.examination.inquiries import Inquiries
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.ports import Log
from snakemake_executor_plugin_batchx.surveying import Survey

PATIENCE_SECONDS = 3.0
"""So long a run waits for checks when all else has been looked at. Their calls began before that;
where AWS's services cannot be reached (a subnet without endpoints), runs start all the same."""

SIZES = "The sizes of instances"

ROLE_OPTIONS = {"job_role": JOB_ROLE, "execution_role": EXECUTION_ROLE}
"""Options (plan/options.py) that name roles, each with its check."""


class RunExamination:
    """Looks at roles, log groups, instance profiles, the bucket and the clock, all at once."""

    def __init__(
        self, session: AwsSession, log: Log, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._session = session
        self._log = log
        self._patience_seconds = patience_seconds
        self._inquiries = Inquiries(log.debug)
        self._views: Sequence[QueueFacts] = ()
        self._sizes: Mapping[str, tuple[InstanceSize, ...]] = {}

    def begin(self, survey: Survey, views: Sequence[QueueFacts], bucket: str) -> None:
        """Begin to look at what jobs name, and at what their queues name."""
        self._views = views
        region = self._session.region
        examiner = Examiner(AccountGateway(self._session.make_check_client, region), region)
        begin_roles(self._inquiries, examiner, list_role_wishes(survey), find_account(views))
        for name, who in survey.name_values("log_group").items():
            self._inquiries.begin(
                LOG_GROUP,
                f"Log group {name}",
                functools.partial(examiner.examine_log_group, name, who),
            )
        begin_profiles(self._inquiries, examiner, views)
        if not self._session.s3_options.endpoint_url:
            make = functools.partial(examiner.examine_bucket, bucket)
            self._inquiries.begin(S3_ROOT, f"S3 bucket {bucket}", make)

    def begin_sizes(self, names: frozenset[str]) -> None:
        """Begin to ask EC2 how large the instances are that names of queues stand for, if any."""
        if names:
            make = functools.partial(self._find_sizes, names)
            self._inquiries.begin(QUEUE, SIZES, make)

    def _find_sizes(self, names: frozenset[str]) -> list[Finding]:
        make_client = functools.partial(self._session.make_ec2_client, self._session.region)
        try:
            self._sizes = find_instance_sizes(make_client, names)
        except AwsError as error:
            permission = "ec2:DescribeInstanceTypes"
            return [judge_trouble(QUEUE, SIZES, permission, error.code, str(error))]
        return []

    def get_sizes(self) -> Mapping[str, tuple[InstanceSize, ...]]:
        """Return the sizes that EC2 has told by now, nothing before all of them are known."""
        return self._sizes

    def finish(self) -> list[str]:
        """Return a sentence for each failure; warnings have gone to the log."""
        findings = self._inquiries.finish(self._patience_seconds)
        for view in self._views:
            if not list_failures(view):
                findings += judge_environments(view)
        skew_seconds = self._session.clock.skew_seconds
        if skew_seconds is not None:
            findings.append(judge_clock(skew_seconds))
        return tell_findings(findings, self._log)


def list_role_wishes(survey: Survey) -> list[RoleWish]:
    """Return the roles that jobs of a run may get, each with who names it first."""
    return [
        RoleWish(check, arn, who)
        for option, check in ROLE_OPTIONS.items()
        for arn, who in survey.name_values(option).items()
    ]


def tell_findings(findings: Sequence[Finding], log: Log) -> list[str]:
    """Return a sentence for each failure; warnings go to the log.

    What cannot be looked at from here (a permission, a way to IAM is missing) is the same in each
    run: one line tells of all of it, to who wants to know.
    """
    lacking = dict.fromkeys(each.lacks for each in findings if each.lacks)
    if lacking:
        log.debug(
            f"batchx: not all was looked at, for want of {', '.join(lacking)} (batchx doctor tells "
            "more)."
        )
    for finding in findings:
        if finding.status == "warning" and not finding.lacks:
            log.warning(f"batchx: {finding.sentence}")
    return [each.sentence for each in findings if each.status == "failed"]
