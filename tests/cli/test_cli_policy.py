"""`batchx policy`: its options, what a run's environment adds, and what it prints where."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.cli import main, make_parser
from snakemake_executor_plugin_batchx.cli.policy import iter_notes
from snakemake_executor_plugin_batchx.cli.policy_scope import make_scope
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.iam.evaluation import Decision, evaluate
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.permissions.policy import make_policy
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.setting_checks import PATTERNS
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
HERE = ("--account", "123456789012", "--region", "eu-west-1")
ROLE = "arn:aws:iam::123456789012:role/batchx-job"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials either: what names account and region asks nobody."""
    names = {*ExecutorSettings.__dataclass_fields__, *(each.setting for each in PATTERNS)}
    for name in names:
        monkeypatch.delenv(f"SNAKEMAKE_BATCHX_{name.upper()}", raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


def read(*args: str) -> Scope:
    return make_scope(make_parser().parse_args(["policy", "head", *HERE, *args]))


def test_the_commands_of_the_documentation_are_sound(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^ +batchx (policy .*) >", text, re.MULTILINE)
    for command in commands:
        assert main([*shlex.split(command), *HERE]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["Statement"]
        assert captured.err == ""
    assert len(commands) == 4


def test_options_name_everything() -> None:
    scope = read(
        *("--queue", "a", "--job-queue", "b", "--s3-root", "s3://lab/flu"),
        *("--read", "s3://genomes/grch38/", "--write", "s3://lab/flu/results"),
        *("--pull", "tools/*", "--repository", "lab/", "--job-role", ROLE),
        *("--execution-role", f"{ROLE}2", "--log-group", "/lab", "--secret", SECRET),
        *("--login", f"{SECRET}-AbCdEf", "--consumable", "licences", "--no-optional"),
        *("--s3-kms-key", "1234abcd-12ab-34cd-56ef-1234567890ab"),
        *("--secrets-kms-key", KEY),
    )
    assert scope == Scope(
        "aws",
        "eu-west-1",
        "123456789012",
        queues=("a", "b"),
        area=S3Place("lab", "flu/.batchx"),
        reads=(S3Place("genomes", "grch38"),),
        writes=(S3Place("lab", "flu/results"),),
        repositories=("tools/*",),
        own_repository="lab/",
        job_roles=(ROLE,),
        execution_roles=(f"{ROLE}2",),
        log_groups=("/lab",),
        secrets=(SECRET,),
        logins=(f"{SECRET}-AbCdEf",),
        s3_kms_keys=(
            "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        secret_kms_keys=(KEY,),
        consumables=("licences",),
        has_options=False,
    )


def test_the_environment_of_a_run_names_what_options_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "JOB_QUEUE": "q",
        "FALLBACK_QUEUE": "spare",
        "S3_ROOT": "s3://lab",
        "JOB_ROLE": ROLE,
        "REPOSITORY": "lab/all",
        "LOG_GROUP": "/lab",
        "SECRETS": f"TOKEN={SECRET}:password::,LICENCE=/lab/licence",
        "REGISTRY_CREDENTIALS": f"quay.io={SECRET}-AbCdEf",
        "CONSUMABLES": "licences=2",
        "S3_ACL": "bucket-owner-full-control",
    }.items():
        monkeypatch.setenv(f"SNAKEMAKE_BATCHX_{name}", value)
    scope = read()
    assert scope.queues == ("q", "spare")
    assert scope.area == S3Place("lab", ".batchx")
    assert (scope.job_roles, scope.log_groups) == ((ROLE,), ("/lab",))
    assert scope.own_repository == "lab/all"
    licence = "arn:aws:ssm:eu-west-1:123456789012:parameter/lab/licence"
    assert scope.secrets == (SECRET, licence)
    assert scope.logins == (f"{SECRET}-AbCdEf",)
    assert scope.consumables == ("licences",)
    assert scope.sets_acl
    assert read("--queue", "other").queues == ("other",)


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("s3://lab/a?b", "a${?}b"),
        ("s3://lab/${aws:username}/x", "${$}{aws:username}/x"),
        ("s3://lab/a*b/c*", "a${*}b/c*"),
        ("s3://lab/a?", "a${?}"),
        ("s3://lab/a*/", "a*"),
    ],
)
def test_names_in_s3_mean_themselves_but_for_a_star_at_their_end(url: str, prefix: str) -> None:
    assert read("--read", url).reads == (S3Place("lab", prefix),)
    assert read("--write", url).writes == (S3Place("lab", prefix),)
    assert read("--s3-root", url).area == S3Place("lab", f"{prefix}/.batchx")


def test_a_name_is_matched_by_its_policy_and_no_other_is() -> None:
    scope = read("--read", "s3://lab/a?b/${aws:username}*", "--queue", "q")
    statements = [
        each for each in make_policy("head", scope)["Statement"] if "s3:GetObject" in each["Action"]
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})

    def may_read(key: str) -> bool:
        keys = {"aws:username": ("ann",)}
        place = f"arn:aws:s3:::lab/{key}"
        return evaluate([policy], "s3:GetObject", place, keys) is Decision.ALLOWED

    assert may_read("a?b/${aws:username}-1")
    assert not may_read("axb/${aws:username}-1")
    assert not may_read("a?b/ann-1")


def test_nothing_is_pushed_where_images_hold_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read().own_repository == "batchx/"
    monkeypatch.setenv("SNAKEMAKE_BATCHX_RUNTIME", "image")
    assert read().own_repository == ""


def test_images_of_ecr_name_their_repositories() -> None:
    image = "999999999999.dkr.ecr.us-east-1.amazonaws.com/lab/bwa:0.7"
    assert read("--pull", image).repositories == (
        "arn:aws:ecr:us-east-1:999999999999:repository/lab/bwa",
    )


def test_the_arn_of_a_queue_tells_account_and_region() -> None:
    queue = "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/q"
    scope = make_scope(make_parser().parse_args(["policy", "head", "--queue", queue]))
    assert (scope.partition, scope.region) == ("aws-cn", "cn-north-1")
    assert scope.account_id == "123456789012"


IRELAND = "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
VIRGINIA = IRELAND.replace("eu-west-1", "us-east-1")
OTHERS = IRELAND.replace("123456789012", "2" * 12)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (
            ("--queue", IRELAND, "--region", "us-east-1"),
            f"--region us-east-1 is not the region of --queue {IRELAND} (eu-west-1): leave the "
            "region out, or name a queue there.",
        ),
        (
            ("--queue", IRELAND, "--account", "2" * 12),
            f"--account {'2' * 12} is not the account of --queue {IRELAND} (123456789012): leave "
            "the account out, or name a queue there.",
        ),
        (
            ("--queue", IRELAND, "--queue", VIRGINIA),
            f"--queue {IRELAND} and --queue {VIRGINIA} are of several regions (eu-west-1, "
            "us-east-1): a policy is about one, so print one for each.",
        ),
        (
            ("--queue", IRELAND, "--queue", OTHERS),
            f"--queue {IRELAND} and --queue {OTHERS} are of several accounts (123456789012, "
            f"{'2' * 12}): a policy is about one, so print one for each.",
        ),
    ],
)
def test_a_policy_is_about_one_region_and_account(args: tuple[str, ...], told: str) -> None:
    with pytest.raises(BatchxError) as refused:
        make_scope(make_parser().parse_args(["policy", "head", *args]))
    assert str(refused.value) == told


def test_the_policy_alone_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "head", *HERE, "--queue", "q", "--s3-root", "s3://lab/flu"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["Version"] == "2012-10-17"
    assert captured.err == (
        "batchx: no --job-role and no --execution-role is named, so iam:PassRole is left out: "
        "jobs have the role of their instances\n"
    )


def test_what_instances_do_for_jobs_without_roles_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["policy", "instance", *HERE, "--s3-root", "s3://lab"]) == 0
    told = capsys.readouterr().err
    assert "no --job-role is named, so instances are allowed what jobs need" in told
    assert "no --execution-role is named, so instances are allowed to pull images and to" in told


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("head",), "No job queue is named, so the head could submit nothing: give --queue"),
        (("head", "--queue", "q"), "No S3 root is named, so jobs could get no files: give"),
        (("job",), "No S3 root is named, so jobs could get no files: give --s3-root"),
        (("instance",), "SNAKEMAKE_BATCHX_S3_ROOT); instances need none where jobs have a --job-"),
        (("head", "--queue", "local"), "The queue local exists only inside a run, where nobody"),
        (("job", "--job-role", "me"), "--job-role 'me' is not valid: it must be the ARN of a role"),
        (
            ("job", "--s3-kms-key", "alias/me"),
            "--s3-kms-key 'alias/me' is not valid: it must be the ARN of a KMS",
        ),
        (("job", "--secret", "tok"), "--secret 'tok' is not valid: it must be the ARN of a secret"),
        (("job", "--account", "1"), "--account '1' is not valid: it must be the 12 digits of one"),
        (
            ("job", "--read", "/data"),
            "--read '/data' is not valid: it must be an S3 URL such as s3://my-bucket/my-run",
        ),
        (("job", "--s3-root", "s3://My_Bucket"), "--s3-root 's3://My_Bucket' is not valid"),
        (("head", "--queue", ""), "--queue '' is not valid: it must be the name or ARN of a job"),
        (
            ("head", "--queue", "arn:aws:batch:eu-west-1:123456789012:job-definition/q"),
            "is not valid: it must be the name or ARN of a job queue",
        ),
        (("head", "--log-group", "a b"), "--log-group 'a b' is not valid: it must be the name of"),
        (("head", "--consumable", "a b"), "--consumable 'a b' is not valid: it must be the name"),
        (
            ("head", "--pull", "quay.io/biocontainers/bwa:1"),
            "--pull 'quay.io/biocontainers/bwa:1' is no repository or image in ECR",
        ),
        (("job", "--repository", "A"), "--repository 'A' is not valid: it must be the name of an"),
        (
            ("job", "--region", "us-gov-west-1", "--job-role", ROLE),
            "is of AWS's partition aws, and us-gov-west-1 of aws-us-gov: name one of the same",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_told_in_a_sentence(
    args: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", args[0], *HERE, *args[1:]]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1


def test_without_region_or_credentials_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "execution", "--account", "123456789012"]) == 1
    assert "No AWS region is known: set --region" in capsys.readouterr().err
    assert main(["policy", "execution", "--region", "eu-west-1"]) == 1
    assert "No AWS credentials were found" in capsys.readouterr().err


def test_a_wrong_setting_of_the_environment_names_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SNAKEMAKE_BATCHX_SECRETS", "TOKEN=hunter2")
    with pytest.raises(BatchxError, match="SNAKEMAKE_BATCHX_SECRETS holds 'TOKEN=…', which"):
        read()


@pytest.mark.parametrize(
    ("queues", "told"),
    [(80, "make it an inline policy of a role"), (200, "so name fewer things, or several by a *")],
)
def test_a_policy_that_is_too_large_is_told(queues: int, told: str) -> None:
    names = tuple(f"queue-{number}" for number in range(queues))
    scope = Scope("aws", "eu-west-1", "123456789012", names, S3Place("lab", ".batchx"))
    notes = list(iter_notes("head", scope, make_policy("head", scope)))
    assert "a managed one may have 6144" in notes[-1]
    assert told in notes[-1]


def test_the_account_is_asked_for_where_nobody_names_it(
    aws: EmbeddedAws, batch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch.describe_job_queues()["jobQueues"]
    assert main(["policy", "head", "--queue", aws.job_queue, "--s3-root", "s3://lab"]) == 0
    policy = json.loads(capsys.readouterr().out)
    resources = [each["Resource"] for each in policy["Statement"]]
    account = aws.job_role_arn.split(":")[4]
    assert f"arn:aws:batch:{aws.region}:{account}:job-queue/{aws.job_queue}" in resources
