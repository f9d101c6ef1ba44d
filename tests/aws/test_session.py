"""What is said where AWS cannot be opened."""

from contextlib import ExitStack

import pytest

from snakemake_executor_plugin_batchx.aws.session import open_session
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings


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


def test_a_role_of_another_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    role = "arn:aws:iam::123456789012:role/me"
    settings = ExecutorSettings(job_queue="q", region="cn-north-1", job_role=role)
    with ExitStack() as stack, pytest.raises(BatchxError, match="--batchx-job-role arn:aws:iam"):
        open_session(settings, stack)
