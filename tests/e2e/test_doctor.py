"""`batchx doctor` against a sound account, and against accounts that are broken in one way each."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from doctor_cases import BROKEN, EC2_ONLY, QUEUES, ROLE, Broken
from faulty_front import serve_faults
from images.bad_registry import refuse, serve_badly
from own_servers import run_server
from queue_kit import EC2, FARGATE, make_task_role
from runs import Run, Workspace, count_calls, make_client, make_workspace, run_command
from snapshots import check_snapshot, cut_error

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
)
from snakemake_executor_plugin_batchx.permissions.scope import S3Place
from snakemake_executor_plugin_batchx.storage.layout import AREA

SOUND_SECONDS = 5.0
DOCTOR_SECONDS = 60


@pytest.fixture(scope="module")
def doctor_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An account with a sound queue, and all that the cases name."""
    with run_server("broken_account_server", tmp_path_factory.mktemp("broken")) as aws:
        furnish(aws)
        yield aws


def furnish(aws: EmbeddedAws) -> None:
    """Make what the cases name."""
    batch, iam, s3 = (make_client(aws, service) for service in ("batch", "iam", "s3"))
    for name, flaw in QUEUES.items():
        resources = FARGATE if name == "fargate" else EC2
        if "instanceRole" in flaw:
            resources = resources | {"instanceRole": flaw["instanceRole"]}
        batch.create_compute_environment(
            computeEnvironmentName=f"{name}-ce",
            type="MANAGED",
            computeResources=resources,
            **flaw.get("environment", {}),
        )
        batch.create_job_queue(
            jobQueueName=name,
            priority=1,
            state=flaw.get("state", "ENABLED"),
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": f"{name}-ce"}],
        )
    iam.create_instance_profile(InstanceProfileName="empty")
    iam.create_role(RoleName="for-ec2", AssumeRolePolicyDocument=EC2_ONLY)
    make_task_role(aws, "sound")
    s3.create_bucket(Bucket="locked-bucket")
    policy = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    policy["Resource"] = "arn:aws:s3:::locked-bucket/*"
    s3.put_bucket_policy(
        Bucket="locked-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )
    location = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="irish-bucket", CreateBucketConfiguration=location)


@pytest.fixture
def account(tmp_path: Path, doctor_aws: EmbeddedAws) -> Workspace:
    workspace = make_workspace(tmp_path, doctor_aws)
    workspace.allow(
        queues=tuple(QUEUES),
        # It is the bucket's own policy, and its place, that are in the way.
        writes=tuple(S3Place(name, "run") for name in ("locked-bucket", "irish-bucket")),
        execution_roles=tuple(f"{ROLE}/{name}" for name in ("sound", "missing", "for-ec2")),
    )
    return workspace


def examine(account: Workspace, *args: str, **environment: str) -> Run:
    command = [str(Path(sys.executable).with_name("batchx")), "doctor", *args]
    variables = {**account.environment, **environment}
    return run_command(command, account.folder, variables, DOCTOR_SECONDS)


def list_flaws(output: str) -> str:
    """Return what is not ok, each with its fix, and the count."""
    kept, is_flaw = [], False
    for line in output.splitlines():
        is_flaw = not line.startswith("ok ") and (is_flaw or not line.startswith(" "))
        if is_flaw:
            kept.append(line)
    return "\n".join(kept) + "\n"


def test_a_sound_account_is_all_ok_and_soon(account: Workspace) -> None:
    role = "arn:aws:iam::123456789012:role/batchx-local"
    roles = {"job": f"{role}-job", "execution": f"{role}-execution", "head": f"{role}-detached"}
    account.allow(**{f"{kind}_roles": (arn,) for kind, arn in roles.items()})
    args = [word for kind, arn in roles.items() for word in (f"--{kind}-role", arn)]
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        run = examine(account, *args)
        seconds.append(time.monotonic() - started)
    assert run.exit_code == 0, run.output
    assert "0 warnings, 0 failed" in run.output
    assert min(seconds) < SOUND_SECONDS
    check_snapshot("doctor_sound", run.output)


@pytest.mark.parametrize("name", BROKEN)
def test_each_break_is_named_with_its_fix(name: str, account: Workspace) -> None:
    case = BROKEN[name]
    with ExitStack() as stack:
        run = run_case(case, account, stack)
    assert run.exit_code == (0 if case.is_warning else 1), run.output
    check_snapshot(f"doctor_{name}", list_flaws(run.output))


def run_case(case: Broken, account: Workspace, stack: ExitStack) -> Run:
    registry = stack.enter_context(serve_badly())
    registry.play(*[refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")] * 9)
    environment = {**case.environment}
    if case.faults is not None:
        url = stack.enter_context(serve_faults(account.aws.endpoint_url, case.faults))
        environment["AWS_ENDPOINT_URL"] = url
    run = examine(account, *(a.format(registry=registry.host) for a in case.args), **environment)
    return Run(run.exit_code, run.output.replace(registry.host, "<registry>"))


def test_findings_are_there_as_json(account: Workspace) -> None:
    run = examine(account, "--json", "--log-group", "/lab")
    report = json.loads(run.output)
    assert run.exit_code == 1
    assert (report["warnings"], report["failed"]) == (0, 1)
    assert report["ok"] == len(report["findings"]) - 1
    (failed,) = [each for each in report["findings"] if each["status"] == "failed"]
    assert failed["check"] == "log-group"
    assert failed["text"].startswith("Log group /lab (--log-group) does not exist")
    assert failed["fix"].startswith("make it")


def test_nothing_is_left_behind(account: Workspace) -> None:
    assert examine(account).exit_code == 0
    prefix = account.environment["SNAKEMAKE_BATCHX_S3_ROOT"].removeprefix(
        f"s3://{account.aws.bucket}/"
    )
    s3 = make_client(account.aws, "s3")
    assert s3.list_objects_v2(Bucket=account.aws.bucket, Prefix=prefix)["KeyCount"] == 0


ONE_RULE = """
    rule one:
        output: "one.txt"
        {resources}
        shell: "echo 1 > {{output}}"
    """

REFUSED = {
    "run_role_missing": (["--batchx-job-role", f"{ROLE}/missing"], ""),
    "run_role_not_trusting": (["--batchx-execution-role", f"{ROLE}/for-ec2"], ""),
    "run_role_of_a_rule": ([], f"resources: batchx_job_role='{ROLE}/missing'"),
    "run_log_group_missing": (["--batchx-log-group", "/lab"], ""),
    "run_environment_disabled": (["--batchx-job-queue", "off"], ""),
    "run_environment_invalid": (["--batchx-job-queue", "invalid"], ""),
    "run_instance_profile_missing": (["--batchx-job-queue", "no-profile"], ""),
    "run_unknown_queue": (["--batchx-job-queue", "missing"], ""),
    "run_much_wrong": (
        [
            *("--batchx-job-queue", "no-role", "--batchx-job-role", f"{ROLE}/for-ec2"),
            *("--batchx-s3-root", "s3://no-such-bucket-here/run"),
        ],
        "resources: batchx_log_group='/lab', batchx_priority=1",
    ),
}
"""Runs that must not submit anything: options, and resources of the rule."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_run_is_refused_before_its_first_job(name: str, account: Workspace) -> None:
    args, resources = REFUSED[name]
    account.write(Snakefile=ONE_RULE.format(resources=resources))
    before = count_calls(account.aws)
    run = account.snakemake(*args)
    assert run.exit_code == 1, run.output
    made = Counter(count_calls(account.aws)) - Counter(before)
    assert {"batch.SubmitJob", "batch.RegisterJobDefinition"} & made.keys() == set()
    check_snapshot(name, cut_error(run.output))


def test_a_run_in_a_sound_account_is_asked_little_and_told_nothing(account: Workspace) -> None:
    account.write(Snakefile=ONE_RULE.format(resources=""))
    role = f"{ROLE}/sound"
    account.allow(job_roles=(role,))
    before = count_calls(account.aws)
    run = account.snakemake("--batchx-job-role", role, "--batchx-execution-role", role)
    assert run.exit_code == 0, run.output
    assert "batchx doctor" not in run.output
    made = Counter(count_calls(account.aws)) - Counter(before)
    # Two roles and an instance profile; the default log group needs no look.
    assert {name: count for name, count in made.items() if name.startswith(("iam", "logs"))} == {
        "iam.POST": 3
    }
    assert made["batch.DescribeJobQueues"] == 1


def test_a_bucket_elsewhere_is_a_warning_of_a_run(account: Workspace) -> None:
    account.write(Snakefile=ONE_RULE.format(resources=""))
    account.allow(area=S3Place("irish-bucket", f"run/{AREA}"))
    run = account.snakemake("--batchx-s3-root", "s3://irish-bucket/run")
    assert run.exit_code == 0, run.output
    assert run.output.count("batchx: S3 bucket irish-bucket is in eu-west-1, the queue in us-") == 1


def test_a_run_goes_on_where_nothing_may_be_looked_at(account: Workspace) -> None:
    account.write(Snakefile=ONE_RULE.format(resources=""))
    faults = BROKEN["nothing_allowed"].faults
    assert faults is not None
    account.allow(job_roles=(f"{ROLE}/sound",))
    with serve_faults(account.aws.endpoint_url, faults) as url:
        environment = {"AWS_ENDPOINT_URL": url}
        args = ["--batchx-job-role", f"{ROLE}/sound", "--verbose"]
        run = account.snakemake(*args, environment=environment)
    assert run.exit_code == 0, run.output
    assert "could not be looked at" not in run.output
    assert (
        "batchx: not all was looked at, for want of iam:GetInstanceProfile, iam:GetRole, "
        "s3:ListBucket (batchx doctor tells more)."
    ) in run.output
