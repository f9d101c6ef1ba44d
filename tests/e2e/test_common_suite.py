"""Snakemake's own suite for executors, for real on the embedded Batch."""

import pytest
from grants import Grants, make_head_environment, make_scope
from runs import make_client
from snakemake.common.tests import (
    TestWorkflowsLocalStorageBase,
    TestWorkflowsMinioPlayStorageBase,
)
from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from snakemake_executor_plugin_batchx import ExecutorSettings
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws


class OnStandingBatch:
    """As with AWS: a queue by name, credentials and endpoint from the environment."""

    @pytest.fixture(autouse=True)
    def use_aws(self, embedded_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = embedded_aws
        self.s3_root = f"s3://{embedded_aws.bucket}/common"
        Grants(make_client(embedded_aws, "iam"), make_scope(embedded_aws, self.s3_root))
        for name, value in make_head_environment(embedded_aws).items():
            monkeypatch.setenv(name, value)

    def get_executor(self) -> str:
        return "batchx"

    def get_executor_settings(self) -> ExecutorSettingsBase | None:
        return ExecutorSettings(job_queue=self.aws.job_queue, s3_root=self.s3_root)

    def get_assume_shared_fs(self) -> bool:
        return False


class TestOnStandingBatch(OnStandingBatch, TestWorkflowsLocalStorageBase):
    """With files on this machine."""

    __test__ = True


class TestOnLocalQueue(TestWorkflowsLocalStorageBase):
    """With `--batchx-job-queue local`: an embedded AWS of the run's own."""

    __test__ = True

    def get_executor(self) -> str:
        return "batchx"

    def get_executor_settings(self) -> ExecutorSettingsBase | None:
        return ExecutorSettings(job_queue="local", local_runner="process")

    def get_assume_shared_fs(self) -> bool:
        return False


class TestInS3Mode(OnStandingBatch, TestWorkflowsMinioPlayStorageBase):
    """With all files in a bucket that Snakemake's s3 plugin makes, given by its own settings."""

    __test__ = True

    @property
    def endpoint_url(self) -> str:
        return self.aws.endpoint_url

    @property
    def access_key(self) -> str:
        return self.aws.access_key_id

    @property
    def secret_key(self) -> str:
        return self.aws.secret_access_key
