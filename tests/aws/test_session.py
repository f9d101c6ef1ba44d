"""Which region, and what is said without one."""

from contextlib import ExitStack

import pytest

from snakemake_executor_plugin_batchx.aws.session import choose_region, open_session
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

ARN = "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/q"


@pytest.mark.parametrize(
    ("region", "queue", "found", "expected"),
    [
        ("eu-west-1", "q", "us-east-1", "eu-west-1"),
        (None, ARN, "us-east-1", "cn-north-1"),
        ("cn-north-1", ARN, None, "cn-north-1"),
        (None, "q", "us-east-1", "us-east-1"),
    ],
)
def test_region(region: str | None, queue: str, found: str | None, expected: str) -> None:
    assert choose_region(ExecutorSettings(region=region, job_queue=queue), found) == expected


@pytest.mark.parametrize(
    ("region", "queue", "words"),
    [("eu-west-1", ARN, "is not the region of --batchx-job-queue"), (None, "q", "No AWS region")],
)
def test_no_region(region: str | None, queue: str, words: str) -> None:
    with pytest.raises(BatchxError, match=words):
        choose_region(ExecutorSettings(region=region, job_queue=queue), None)


def test_unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    settings = ExecutorSettings(job_queue="q", region="eu-west-1", profile="nobody")
    with ExitStack() as stack, pytest.raises(BatchxError, match="--batchx-profile 'nobody'"):
        open_session(settings, stack)


def test_credentials_that_are_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    settings = ExecutorSettings(job_queue="q", region="eu-west-1")
    with ExitStack() as stack, pytest.raises(BatchxError, match="in use are not complete"):
        open_session(settings, stack)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings = ExecutorSettings(job_queue="q", region="eu-west-1")
    with ExitStack() as stack, pytest.raises(BatchxError, match="No AWS credentials"):
        open_session(settings, stack)
