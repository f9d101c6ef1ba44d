"""What `batchx doctor` looks at: all that a run needs of its account, and what it finds."""

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.budget import open_budget
from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.retry import open_retrier
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.queues import Queues
from snakemake_executor_plugin_batchx.checks.clock import judge_clock
from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    judge_trouble,
    make_failure,
    make_ok,
    split_sentence,
)
from snakemake_executor_plugin_batchx.checks.identity import judge_unreached
from snakemake_executor_plugin_batchx.checks.queues import (
    QueueFacts,
    judge_environments,
    judge_queue,
)
from snakemake_executor_plugin_batchx.checks.quotas import list_quotas
from snakemake_executor_plugin_batchx.checks.roles import RoleWish
from snakemake_executor_plugin_batchx.checks.runtime import judge_runtime
from snakemake_executor_plugin_batchx.checks.table import (
    CREDENTIALS,
    EXECUTION_ROLE,
    HEAD_ROLE,
    IMAGE,
    JOB_ROLE,
    LOG_GROUP,
    QUEUE,
    QUOTA,
    REGISTRY,
    RUNTIME,
    S3_ROOT,
)
from snakemake_executor_plugin_batchx.delivery import list_mount_problems
from snakemake_executor_plugin_batchx.examination.account import (
    Examiner,
    begin_profiles,
    begin_roles,
    find_account,
)
from snakemake_executor_plugin_batchx.examination.inquiries import Inquiries, sort_findings
from snakemake_executor_plugin_batchx.examination.storage import (
    examine_image,
    examine_registry,
    examine_root,
)
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY, Destination
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.registry_images import open_access
from snakemake_executor_plugin_batchx.runtime.interpreter import inspect_machine
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import make_s3_root

NAME_ROOT = (
    "give --batchx-s3-root s3://bucket/prefix, or set SNAKEMAKE_BATCHX_S3_ROOT (a run with "
    "--default-storage-provider s3 needs none, but this check does)"
)

PATIENCE_SECONDS = 12.0
"""So long the slowest check may take: one that gets no answer gives up before."""


@dataclass(frozen=True)
class Patient:
    """What is looked at: settings as a run has them, queues with who names each, images."""

    settings: ExecutorSettings
    queues: Mapping[str, str]
    images: Sequence[str] = ()

    @property
    def way(self) -> str:
        """How the runtime reaches containers."""
        return (self.settings.runtime or "layer").partition(":")[0]


class Doctor:
    """Looks at all that a run of these settings needs, and changes nothing of it."""

    def __init__(self, session: AwsSession, patient: Patient) -> None:
        region = session.region
        self._session = session
        self._patient = patient
        self._settings = patient.settings
        self._examiner = Examiner(AccountGateway(session.make_check_client, region), region)
        self._gateway = _open_batch(session)
        self._queues = Queues(self._gateway, region)
        self._inquiries = Inquiries()

    def examine(self) -> list[Finding]:
        """Return what there is to be said, in the order of the table of checks.

        Where AWS takes no calls, for the credentials or the clock, nothing else is asked, nor where
        it cannot be reached. STS alone may be out of reach: then Batch decides.
        """
        identity = Inquiries()
        identity.begin(CREDENTIALS, "The identity", self._examiner.examine_identity)
        findings = identity.finish(PATIENCE_SECONDS)
        untold = None
        if any(each.is_unreached for each in findings):
            untold = self._find_queues()
            if any(each.is_unreached for each in untold):
                return [judge_unreached(each) for each in findings]
        skew_seconds = self._session.clock.skew_seconds
        if skew_seconds is not None:
            findings.append(judge_clock(skew_seconds))
        if any(each.status == "failed" for each in findings):
            return sort_findings(findings)
        self._begin_root()
        self._begin_log_group()
        self._begin_registry()
        findings += self._look_at_queues(self._find_queues() if untold is None else untold)
        return sort_findings([*findings, *self._inquiries.finish(PATIENCE_SECONDS)])

    def _begin_root(self) -> None:
        where = self._settings.s3_root or ""
        self._inquiries.begin(S3_ROOT, where, functools.partial(self._examine_root, where))

    def _examine_root(self, where: str) -> list[Finding]:
        """Look at the bucket and, if it is there, at what may be done in it."""
        if not where:
            return [make_failure(S3_ROOT, "No S3 root is named", NAME_ROOT)]
        root = make_s3_root(where)
        # Regions are of AWS's own S3.
        is_other = bool(self._settings.s3_endpoint_url)
        findings = [] if is_other else self._examiner.examine_bucket(root.bucket)
        if any(each.status == "failed" for each in findings):
            return findings
        return [*findings, *examine_root(_open_store(self._session, root.bucket), root)]

    def _begin_log_group(self) -> None:
        named = self._settings.log_group
        name, who = (named, "--batchx-log-group") if named else (DEFAULT_LOG_GROUP, "Batch's own")
        make = functools.partial(self._examiner.examine_log_group, name, who)
        self._inquiries.begin(LOG_GROUP, f"Log group {name}", make)

    def _begin_registry(self) -> None:
        destination = Destination(self._settings.repository or DEFAULT_REPOSITORY)
        is_pushing = self._patient.way == "layer"
        self._inquiries.begin(
            REGISTRY,
            "ECR",
            lambda: examine_registry(_open_ecr(self._session), destination, is_pushing),
        )

    def _look_at_queues(self, untold: Sequence[Finding]) -> list[Finding]:
        """Return what is to be said of queues, and begin to look at what depends on them.

        `untold` is why they could not be looked up.
        """
        views = self._queues.list_views()
        self._begin_dependants(views)
        platforms = self._queues.list_known()
        return [
            *untold,
            # Queues may share a compute environment.
            *dict.fromkeys(finding for view in views for finding in _judge_view(view)),
            *self._iter_runtimes(platforms),
            *self._iter_missing_roles(platforms),
        ]

    def _find_queues(self) -> list[Finding]:
        """Look the queues up; return why that could not be done."""
        try:
            if not self._patient.queues:
                return [self._tell_no_queue()]
            self._queues.inspect(self._patient.queues)
        except AwsError as error:
            if error.is_transient:
                return [judge_trouble(QUEUE, "Job queues", "batch", error.code, str(error))]
            return [split_sentence(QUEUE, str(error))]
        return []

    def _tell_no_queue(self) -> Finding:
        names = sorted(each["jobQueueName"] for each in self._gateway.list_queues())
        verb = "is" if len(names) == 1 else "are"
        there = f" (there {verb} {', '.join(names)})" if names else ""
        return make_failure(
            QUEUE,
            "No job queue is named",
            f"give --batchx-job-queue, or set SNAKEMAKE_BATCHX_JOB_QUEUE{there}",
        )

    def _begin_dependants(self, views: Sequence[QueueFacts]) -> None:
        wishes = [
            RoleWish(check, arn, who)
            for check, arn, who in (
                (JOB_ROLE, self._settings.job_role, "--batchx-job-role"),
                (EXECUTION_ROLE, self._settings.execution_role, "--batchx-execution-role"),
                (HEAD_ROLE, self._settings.head_role, "--batchx-head-role"),
            )
            if arn
        ]
        begin_roles(self._inquiries, self._examiner, wishes, find_account(views))
        begin_profiles(self._inquiries, self._examiner, views)
        environments = {
            each["computeEnvironmentArn"]: each for view in views for each in view.environments
        }
        for quota, sizes in list_quotas(environments.values()).items():
            make = functools.partial(self._examiner.examine_quota, quota, sizes)
            self._inquiries.begin(QUOTA, f"The quota {quota.code} ({quota.title})", make)
        self._begin_images()

    def _begin_images(self) -> None:
        names = [*self._patient.images, *filter(None, [self._settings.runtime_image])]
        if not names:
            return
        access = _open_registries(self._session)
        for name in names:
            for architecture in self._list_architectures():
                make = functools.partial(examine_image, access, name, architecture)
                self._inquiries.begin(IMAGE, f"Image {name}", make)

    def _list_architectures(self) -> list[str]:
        """Return the processors of the queues; jobs on Fargate choose theirs."""
        chosen = self._settings.arch or "amd64"
        found = [each.architecture or chosen for each in self._queues.list_known()]
        return sorted({*found} or {chosen})

    def _iter_runtimes(self, platforms: Sequence[Platform]) -> Iterator[Finding]:
        """Yield how the runtime reaches the containers of queues."""
        runtime = self._settings.runtime
        problems = list_mount_problems(runtime, platforms)
        yield from (split_sentence(RUNTIME, each) for each in problems)
        if problems or not platforms:
            return
        machine = inspect_machine()
        if any(each.local_runner for each in platforms):
            yield make_ok(RUNTIME, "the embedded AWS brings it")
        elif self._patient.way != "layer":
            yield make_ok(RUNTIME, f"containers have it (--batchx-runtime {runtime})")
        elif self._settings.runtime_image:
            yield make_ok(RUNTIME, f"image {self._settings.runtime_image} holds it")
        else:
            for architecture in self._list_architectures():
                yield judge_runtime(architecture, machine.architecture, machine.problem)

    def _iter_missing_roles(self, platforms: Sequence[Platform]) -> Iterator[Finding]:
        """Yield what needs an execution role where none is named (plan/fit.py)."""
        if self._settings.execution_role:
            return
        for platform in platforms:
            if platform.is_fargate:
                yield make_failure(
                    EXECUTION_ROLE,
                    f"Job queue {platform.queue} is on Fargate, where jobs need an execution role, "
                    "and none is named",
                    "give --batchx-execution-role, or set batchx_execution_role for each rule",
                )


def _judge_view(view: QueueFacts) -> list[Finding]:
    """Return what is to be said of a queue and, if it is fit for jobs, of its environments."""
    findings = judge_queue(view)
    if any(each.status == "failed" for each in findings):
        return findings
    return [*findings, *judge_environments(view)]


def _open_batch(session: AwsSession) -> BatchGateway:
    # Stopped from the beginning: the client tries again itself, once.
    retrier = open_retrier(open_budget(), lambda: True)
    return BatchGateway(session.make_check_client("batch", session.region), retrier)


def _open_store(session: AwsSession, bucket: str) -> S3Gateway:
    client = session.make_check_client("s3", session.region)
    return S3Gateway(client, bucket, options=session.s3_options.for_own_objects)


def _open_ecr(session: AwsSession) -> EcrGateway:
    client = session.make_check_client("ecr", session.region)
    return EcrGateway(client, session.region, time.time)


def _open_registries(session: AwsSession) -> RegistryAccess:
    return open_access(functools.partial(session.make_check_client, "ecr"), session.region)
