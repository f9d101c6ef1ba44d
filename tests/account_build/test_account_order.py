"""The job that builds a runtime: asked for once, waited for, told of when it fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from account_build.test_account_kept import make_layer_file
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.account_build.kept import keep_layers
from snakemake_executor_plugin_batchx.account_build.order import AccountBuild
from snakemake_executor_plugin_batchx.account_build.wait import WAIT_SECONDS
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import Demand, plan_resources
from snakemake_executor_plugin_batchx.registry_images import provide_layers
from snakemake_executor_plugin_batchx.runtime.interpreter import Machine
from snakemake_executor_plugin_batchx.storage.layout import S3Root

FAILED = {
    "attempts": [{"container": {"exitCode": 1, "logStreamName": "bx/default/1"}}],
    "statusReason": "Essential container in task exited",
}


@dataclass
class Account:
    """Batch that answers from a script, one status each time that it is asked, and its clock."""

    statuses: list[str]
    detail: dict[str, Any] = field(default_factory=dict)
    on_success: Callable[[], None] = lambda: None
    now: float = 0.0
    definitions: list[dict[str, Any]] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def find_definition(self, _name: str) -> str | None:
        return None

    def register_definition(self, request: dict[str, Any]) -> str:
        self.definitions.append(request)
        return "arn:definition"

    def submit_job(self, request: dict[str, Any]) -> str:
        self.submitted.append(request)
        return "job-1"

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        (job_id,) = job_ids
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == "trouble":
            raise BatchxError("AWS stays out of reach.")
        if status == "interrupt":
            raise KeyboardInterrupt
        if status == "SUCCEEDED":
            self.on_success()
        return [{"jobId": job_id, "status": status, **self.detail}]

    def terminate_jobs(self, job_ids: Sequence[str], _reason: str) -> list[str]:
        self.ended += job_ids
        return []

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Head:
    def __init__(self, account: Account, folder: Path) -> None:
        self.account = account
        self.store = MemoryStore()
        self.said: list[str] = []
        self.asked: list[str] = []
        layers = [make_layer_file(folder / name, name.encode()) for name in ("base", "own")]
        self.build = AccountBuild(
            batch=account,
            definitions=Definitions(account, DefinitionSettings()),
            store=self.store,
            root=S3Root("bucket", "run/.batchx"),
            region="eu-west-1",
            plan_request=self.plan_request,
            tags={"batchx:run": "run"},
            cache_dir=folder / "cache",
            say=self.said.append,
            clock=lambda: account.now,
            sleep=account.sleep,
        )

        def keep() -> None:
            (key,) = (k for k in self.store.objects if k.endswith("recipe.tar.gz"))
            keep_layers(self.store, key.rpartition("/")[0], layers)

        self.keep = keep

    def plan_request(self, demand: Demand, architecture: str) -> JobRequest:
        self.asked.append(architecture)
        platform = Platform("queue", architecture="arm64")
        resources, _ = plan_resources(demand, platform)
        options = JobOptions(job_role="arn:role", tags=(("project", "flu"),))
        return JobRequest(platform, resources, options, "arm64")


def test_built_then_found(tmp_path: Path) -> None:
    account = Account(["SUBMITTED", "RUNNABLE", "trouble", "trouble", "RUNNING", "SUCCEEDED"])
    head = Head(account, tmp_path)
    account.on_success = head.keep
    layers = head.build.provide("arm64")
    assert [layer.path.is_file() for layer in layers] == [True, True]
    (request,) = account.submitted
    assert head.asked == ["arm64"]
    assert request["jobQueue"] == "queue"
    assert request["timeout"] == {"attemptDurationSeconds": 1800}
    assert request["tags"] == {"project": "flu", "batchx:run": "run"}
    assert request["containerOverrides"]["resourceRequirements"] == [
        {"type": "VCPU", "value": "2"},
        {"type": "MEMORY", "value": "4096"},
    ]
    (definition,) = account.definitions
    container = definition["containerProperties"]
    assert container["image"].startswith("public.ecr.aws/docker/library/python:3.")
    assert container["jobRoleArn"] == "arn:role"
    assert sum("out of reach" in text for text in head.said) == 1
    assert account.ended == []
    assert head.build.provide("arm64") == layers
    assert len(account.submitted) == 1


def test_what_failed_is_told_with_job_reason_and_log(tmp_path: Path) -> None:
    account = Account(["RUNNING", "FAILED"], FAILED)
    with pytest.raises(BatchxError) as caught:
        Head(account, tmp_path).build.provide("arm64")
    text = str(caught.value)
    assert "The job runtime for arm64 could not be built in the account" in text
    assert "Batch job job-1 failed: its command ended with exit code 1." in text
    assert "log stream bx/default/1" in text
    assert "--batchx-runtime-image" in text
    assert account.ended == []


def test_a_job_that_never_starts_is_ended(tmp_path: Path) -> None:
    account = Account(["RUNNABLE"], {"statusReason": "MISCONFIGURATION: no subnets"})
    head = Head(account, tmp_path)
    with pytest.raises(BatchxError, match=r"RUNNABLE after 60 minutes \(MISCONFIGURATION"):
        head.build.provide("arm64")
    assert account.ended == ["job-1"]
    assert WAIT_SECONDS <= account.now < WAIT_SECONDS + 1
    assert sum("waiting for job job-1: RUNNABLE" in text for text in head.said) >= 58


def test_a_head_that_is_interrupted_ends_the_job(tmp_path: Path) -> None:
    account = Account(["RUNNING", "interrupt"])
    with pytest.raises(KeyboardInterrupt):
        Head(account, tmp_path).build.provide("arm64")
    assert account.ended == ["job-1"]


def test_a_job_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    account = Account(["SUCCEEDED"])
    with pytest.raises(BatchxError, match=r"left none in s3://bucket/run/\.batchx/runtime/"):
        Head(account, tmp_path).build.provide("arm64")


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [
        (Machine("Darwin", "arm64", "", "CPython"), "arm64"),
        (Machine("Linux", "x86_64", "", "CPython"), "amd64"),
        (Machine("Linux", "x86_64", "glibc 2.36", "CPython"), "arm64"),
    ],
)
def test_heads_that_cannot_build(machine: Machine, architecture: str) -> None:
    asked: list[str] = []
    assert provide_layers(architecture, machine, lambda a: (asked.append(a), ())[1], print) == ()
    assert asked == [architecture]
