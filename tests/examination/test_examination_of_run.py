"""What a run looks at in the account, who asks for it, and how it is told."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    judge_trouble,
    make_failure,
    make_ok,
    make_warning,
)
from snakemake_executor_plugin_batchx.checks.queues import QueueFacts
from snakemake_executor_plugin_batchx.checks.table import CLOCK, EXECUTION_ROLE, JOB_ROLE
from snakemake_executor_plugin_batchx.examination.of_run import (
    RunExamination,
    list_role_wishes,
    tell_findings,
)
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import RequestPlanner, Wish
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options
from snakemake_executor_plugin_batchx.surveying import Survey

ROLES = "arn:aws:iam::123456789012:role"
CE = "arn:aws:batch:eu-west-1:123456789012:compute-environment/ce"
TRUST = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]},
        "Action": "sts:AssumeRole",
    }
}


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, message: str) -> None:
        self.lines.append(("info", message))

    def warning(self, message: str) -> None:
        self.lines.append(("warning", message))

    def debug(self, message: str) -> None:
        self.lines.append(("debug", message))


@dataclass
class Services:
    """Clients of an account that has some roles; `asked` are the calls, `denied` those refused."""

    roles: frozenset[str] = frozenset({"job", "ecs"})
    bucket_region: str = "eu-west-1"
    denied: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def make_client(self, _service: str, _region: str) -> Any:
        return SimpleNamespace(
            get_role=self.get_role,
            get_instance_profile=self.get_instance_profile,
            describe_log_groups=self.describe_log_groups,
            head_bucket=self.head_bucket,
        )

    def note(self, call: str, name: str) -> None:
        self.asked.append(f"{call} {name}")
        if call in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, call)

    def get_role(self, RoleName: str) -> Any:  # noqa: N803
        self.note("GetRole", RoleName)
        if RoleName not in self.roles:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "no"}}, "GetRole")
        return {"Role": {"Arn": f"{ROLES}/{RoleName}", "AssumeRolePolicyDocument": TRUST}}

    def get_instance_profile(self, InstanceProfileName: str) -> Any:  # noqa: N803
        self.note("GetInstanceProfile", InstanceProfileName)
        role = {"RoleName": "hosts", "AssumeRolePolicyDocument": TRUST}
        return {"InstanceProfile": {"Roles": [role]}}

    def describe_log_groups(self, logGroupNamePrefix: str) -> Any:  # noqa: N803
        self.note("DescribeLogGroups", logGroupNamePrefix)
        return {"logGroups": [{"logGroupName": "/lab"}]}

    def head_bucket(self, Bucket: str) -> Any:  # noqa: N803
        self.note("HeadBucket", Bucket)
        headers = {"x-amz-bucket-region": self.bucket_region}
        return {"ResponseMetadata": {"HTTPHeaders": headers}}


def make_session(
    services: Services, skew_seconds: float | None = 0.0, s3_options: S3Options = PLAIN_OPTIONS
) -> AwsSession:
    session = SimpleNamespace(
        region="eu-west-1",
        make_check_client=services.make_client,
        clock=SimpleNamespace(skew_seconds=skew_seconds),
        s3_options=s3_options,
    )
    return cast(AwsSession, session)


def make_view(**environment: Any) -> QueueFacts:
    described = {
        "computeEnvironmentArn": CE,
        "computeResources": {"type": "EC2", "instanceRole": "hosts"},
        **environment,
    }
    detail = {
        "state": "ENABLED",
        "jobQueueArn": CE.replace("compute-environment/ce", "job-queue/q"),
    }
    good = {"computeEnvironmentArn": CE + "2", "computeResources": {"type": "EC2"}}
    return QueueFacts("q", "eu-west-1", "", detail, (described, good))


def make_survey(defaults: JobOptions, *wishes: Wish) -> Survey:
    return Survey(RequestPlanner(defaults, "q", lambda _: Platform("q"), {}), wishes)


DEFAULTS = JobOptions(job_role=f"{ROLES}/job", execution_role=f"{ROLES}/ecs")


def make_wish(name: str, **options: Any) -> Wish:
    return Wish(f"Rule {name}", options=JobOptions(**options))


def test_each_role_is_named_once_with_who_asks_for_it_first() -> None:
    survey = make_survey(
        DEFAULTS,
        make_wish("a", job_role=f"{ROLES}/own"),
        make_wish("b", job_role=f"{ROLES}/own", execution_role=f"{ROLES}/ecs"),
        make_wish("c"),
    )
    found = [(wish.check, wish.arn, wish.who) for wish in list_role_wishes(survey)]
    assert found == [
        (JOB_ROLE, f"{ROLES}/job", "--batchx-job-role"),
        (JOB_ROLE, f"{ROLES}/own", "batchx_job_role of Rule a"),
        (EXECUTION_ROLE, f"{ROLES}/ecs", "--batchx-execution-role"),
    ]


def run_examination(
    services: Services,
    survey: Survey,
    view: QueueFacts | None = None,
    **session: Any,
) -> tuple[list[str], list[tuple[str, str]]]:
    log = Log()
    examination = RunExamination(make_session(services, **session), log)
    examination.begin(survey, [view or make_view()], "bucket")
    return examination.finish(), log.lines


def test_where_all_is_well_nothing_is_told_and_each_thing_is_asked_once() -> None:
    services = Services()
    survey = make_survey(
        DEFAULTS, make_wish("a", log_group="/lab"), make_wish("b", job_role=f"{ROLES}/job")
    )
    assert run_examination(services, survey) == ([], [])
    assert sorted(services.asked) == [
        "DescribeLogGroups /lab",
        "GetInstanceProfile hosts",
        "GetRole ecs",
        "GetRole job",
        "HeadBucket bucket",
    ]


def test_failures_are_sentences_and_warnings_go_to_the_log() -> None:
    services = Services(bucket_region="us-east-1")
    survey = make_survey(
        JobOptions(log_group="/other"),
        make_wish("a", job_role=f"{ROLES}/gone"),
        make_wish("b", execution_role="arn:aws:iam::999999999999:role/ecs"),
    )
    view = make_view(state="DISABLED")
    failures, lines = run_examination(services, survey, view, skew_seconds=400)
    assert [each.partition(" (")[0] for each in failures] == [
        f"Job role {ROLES}/gone",
        "Execution role arn:aws:iam::999999999999:role/ecs",
        "Log group /other",
        "This machine's clock is 7 min ahead of AWS's, and from 5 min on calls are refused: let it "
        "be set by the network",
    ]
    assert [level for level, _ in lines] == ["warning", "warning"]
    assert lines[0][1].startswith("batchx: S3 bucket bucket is in us-east-1, the queue in eu-west")
    assert lines[1][1].startswith("batchx: Compute environment ce of job queue q is DISABLED: ")
    assert "GetRole ecs" not in services.asked


def test_what_may_not_be_looked_at_is_one_line_for_who_wants_to_know() -> None:
    services = Services(denied=frozenset({"GetRole", "HeadBucket"}))
    failures, lines = run_examination(services, make_survey(DEFAULTS))
    assert failures == []
    assert lines == [
        (
            "debug",
            "batchx: not all was looked at, for want of iam:GetRole, s3:ListBucket (batchx doctor "
            "tells more).",
        )
    ]


def test_another_s3_has_no_region() -> None:
    services = Services()
    options = S3Options(endpoint_url="https://s3.example.org")
    assert run_examination(services, make_survey(JobOptions()), s3_options=options) == ([], [])
    assert services.asked == ["GetInstanceProfile hosts"]


M5 = {
    "InstanceType": "m5.large",
    "VCpuInfo": {"DefaultVCpus": 2},
    "MemoryInfo": {"SizeInMiB": 8192},
}


def find_sizes(
    describe: Callable[..., Any], names: frozenset[str] = frozenset({"m5.large"})
) -> tuple[Any, list[str], list[tuple[str, str]]]:
    """Ask an EC2 for sizes; return those that are known, what stops the run, and what is said."""
    log = Log()
    ec2 = SimpleNamespace(describe_instance_types=describe)
    session = SimpleNamespace(
        region="eu-west-1",
        make_ec2_client=lambda _region: ec2,
        clock=SimpleNamespace(skew_seconds=None),
    )
    examination = RunExamination(cast(AwsSession, session), log, patience_seconds=0.5)
    examination.begin_sizes(names)
    failures = examination.finish()
    return examination.get_sizes(), failures, log.lines


def test_sizes_of_instances_are_asked_for_beside_the_rest() -> None:
    sizes, failures, lines = find_sizes(lambda **_: {"InstanceTypes": [M5]})
    assert sizes == {"m5.large": (InstanceSize("m5.large", 2, 8192),)}
    assert (failures, lines) == ([], [])


def test_where_sizes_need_not_be_known_nobody_asks() -> None:
    def fail(**_: Any) -> Any:
        raise AssertionError

    assert find_sizes(fail, frozenset()) == ({}, [], [])


def test_without_sizes_a_run_goes_on() -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError(
            {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "DescribeInstanceTypes"
        )

    sizes, failures, lines = find_sizes(refuse)
    assert (sizes, failures) == ({}, [])
    assert [level for level, _ in lines] == ["debug"]
    assert "for want of ec2:DescribeInstanceTypes" in lines[0][1]


def test_an_ec2_that_does_not_answer_is_not_waited_for() -> None:
    released = threading.Event()

    def wait(**_: Any) -> Any:
        released.wait()
        return {"InstanceTypes": [M5]}

    sizes, failures, lines = find_sizes(wait)
    released.set()
    assert (sizes, failures) == ({}, [])
    assert "for want of an answer" in lines[0][1]


def test_an_examination_that_was_not_begun_finds_nothing() -> None:
    assert RunExamination(make_session(Services(), None), Log()).finish() == []


@pytest.mark.parametrize(
    ("finding", "sentences", "levels"),
    [
        (make_ok(CLOCK, "a"), [], []),
        (make_warning(CLOCK, "a", "b"), [], ["warning"]),
        (make_failure(CLOCK, "a", "b"), ["a: b."], []),
        (judge_trouble(CLOCK, "a", "iam:GetRole", "AccessDenied", ""), [], ["debug"]),
        (judge_trouble(CLOCK, "a", "iam:GetRole", "Throttling", "slow"), [], ["debug"]),
    ],
)
def test_how_findings_are_told(finding: Finding, sentences: list[str], levels: list[str]) -> None:
    log = Log()
    assert tell_findings([finding], log) == sentences
    assert [level for level, _ in log.lines] == levels


def test_values_of_an_option_are_named_by_resource_or_flag() -> None:
    survey = make_survey(
        JobOptions(log_group="/lab"), make_wish("a", log_group="/a"), make_wish("b", log_group="/a")
    )
    named: Mapping[str, str] = survey.name_values("log_group")
    assert named == {"/lab": "--batchx-log-group", "/a": "batchx_log_group of Rule a"}
