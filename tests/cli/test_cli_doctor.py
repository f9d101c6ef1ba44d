"""`batchx doctor`: its options, how it names things, and what it prints."""

import json
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.checks.finding import make_failure, make_ok, make_warning
from snakemake_executor_plugin_batchx.checks.table import CLOCK, EXECUTION_ROLE
from snakemake_executor_plugin_batchx.cli import main, make_parser
from snakemake_executor_plugin_batchx.cli.doctor import format_findings, make_patient
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.examination.doctor import Patient
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

ROLE = "arn:aws:iam::123456789012:role"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOB_QUEUE", "REGION", "PROFILE", "S3_ROOT", "FALLBACK_QUEUE", "RUNTIME"):
        monkeypatch.delenv(f"SNAKEMAKE_BATCHX_{name}", raising=False)


def read(*args: str) -> Patient:
    return make_patient(make_parser().parse_args(["doctor", *args]))


def test_options_count_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", "q")
    monkeypatch.setenv("SNAKEMAKE_BATCHX_S3_ROOT", "s3://bucket/a")
    monkeypatch.setenv("SNAKEMAKE_BATCHX_RUNTIME", "image")
    monkeypatch.setenv("SNAKEMAKE_BATCHX_FALLBACK_QUEUE", "spare")
    patient = read()
    assert patient.queues == {"q": "--batchx-job-queue", "spare": "--batchx-fallback-queue"}
    assert (patient.settings.job_queue, patient.settings.s3_root) == ("q", "s3://bucket/a")
    assert patient.way == "image"

    patient = read("--job-queue", "a", "--job-queue", "b", "--s3-root", "s3://bucket/b")
    assert list(patient.queues) == ["a", "b", "spare"]
    assert (patient.settings.job_queue, patient.settings.s3_root) == ("a", "s3://bucket/b")


def test_a_queue_without_a_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read("--job-queue", "").queues == {}
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", "q")
    assert list(read("--job-queue", "").queues) == ["q"]
    assert list(read("--job-queue", "", "--job-queue", "a").queues) == ["a"]


def test_what_nobody_names_is_not_set() -> None:
    patient = read("--image", "a", "--image", "b")
    assert patient.queues == {}
    assert patient.settings.job_queue is None
    assert patient.images == ["a", "b"]
    assert patient.way == "layer"


@pytest.mark.parametrize("args", [["local"], ["q", "--job-queue", "local"]])
def test_the_queue_that_exists_only_inside_a_run_is_refused(args: list[str]) -> None:
    with pytest.raises(BatchxError, match="The queue local exists only inside a run"):
        read("--job-queue", *args)


def test_lines_are_aligned_and_counted() -> None:
    findings = [
        make_ok(CLOCK, "fine"),
        make_warning(EXECUTION_ROLE, "hm", "look"),
        make_failure(CLOCK, "bad", "mend it"),
        make_failure(CLOCK, "no fix", ""),
    ]
    assert format_findings(findings) == [
        "ok       clock           fine",
        "warning  execution-role  hm",
        "                         fix: look",
        "failed   clock           bad",
        "                         fix: mend it",
        "failed   clock           no fix",
        "1 ok, 1 warning, 2 failed",
    ]
    assert format_findings([]) == ["0 ok, 0 warnings, 0 failed"]


def test_wrong_settings_are_told_without_asking_aws(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--job-queue", "q", "--region", "Ireland", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (finding,) = report["findings"]
    assert finding == {
        "check": "settings",
        "status": "failed",
        "text": "--region 'Ireland' is not valid",
        "fix": "it must be an AWS region such as eu-west-1",
        "lacks": "",
    }
    assert (report["ok"], report["warnings"], report["failed"]) == (0, 0, 1)


@pytest.mark.usefixtures("batch")
def test_a_sound_account(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--job-queue", aws.job_queue, "--s3-root", f"s3://{aws.bucket}/x"]
    assert main(["doctor", *args, "--job-role", aws.job_role_arn]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[:-1]} == {"ok"}
    assert lines[-1] == f"{len(lines) - 1} ok, 0 warnings, 0 failed"


@pytest.mark.usefixtures("batch")
def test_a_finding_names_the_options_of_the_command(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--job-queue", aws.job_queue, "--s3-root", f"s3://{aws.bucket}/x"]
    assert main(["doctor", *args, "--execution-role", f"{ROLE}/missing"]) == 1
    out = capsys.readouterr().out
    assert f"Execution role {ROLE}/missing (--execution-role) does not exist" in out
    assert "--batchx-" not in out


@pytest.mark.usefixtures("batch")
def test_the_queue_that_is_there_is_told(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--job-queue", "", "--s3-root", f"s3://{aws.bucket}/x"]) == 1
    out = capsys.readouterr().out
    assert "SNAKEMAKE_BATCHX_JOB_QUEUE (there " in out
    assert f"is {aws.job_queue})" in out or f"are {aws.job_queue}, " in out


def test_an_environment_that_queues_share_is_told_once(
    aws: EmbeddedAws, batch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (own,) = batch.describe_job_queues(jobQueues=[aws.job_queue])["jobQueues"]
    order = own["computeEnvironmentOrder"]
    batch.create_job_queue(jobQueueName="shared", priority=1, computeEnvironmentOrder=order)
    try:
        main(["doctor", "--job-queue", aws.job_queue, "--job-queue", "shared", "--json"])
    finally:
        batch.update_job_queue(jobQueue="shared", state="DISABLED")
        batch.delete_job_queue(jobQueue="shared")
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert len([each for each in findings if each["check"] == "environment"]) == len(order)
