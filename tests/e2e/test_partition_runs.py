"""Whole runs in China and in GovCloud: all that is made and named there is of their partition."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from runs import Workspace, make_workspace

from snakemake_executor_plugin_batchx.images.reference import EcrHost, parse_ecr_host
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
)
from snakemake_executor_plugin_batchx.logs.links import make_job_url

pytestmark = pytest.mark.slow

PLACES = {
    "cn-north-1": ("aws-cn", "amazonaws.com.cn", "console.amazonaws.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com", "console.amazonaws-us-gov.com"),
}

SNAKEFILE = """
    rule all:
        input: "upper.txt", "bad.txt"
    rule upper:
        input: "in.txt"
        output: "upper.txt"
        shell: "tr a-z A-Z < {input} > {output}"
    rule bad:
        output: "bad.txt"
        shell: "echo what went wrong; exit 3"
"""


@pytest.fixture(scope="module", params=PLACES)
def foreign_aws(request: pytest.FixtureRequest) -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS, region=request.param) as aws:
        yield aws


@pytest.fixture
def foreign(tmp_path: Path, foreign_aws: EmbeddedAws) -> Workspace:
    return make_workspace(tmp_path, foreign_aws)


def iter_arns(value: Any) -> Iterator[str]:
    """Yield what in an answer is an ARN."""
    if isinstance(value, dict):
        for each in value.values():
            yield from iter_arns(each)
    elif isinstance(value, list):
        for each in value:
            yield from iter_arns(each)
    elif isinstance(value, str) and value.startswith("arn:"):
        yield value


def test_a_run_in_another_partition(foreign: Workspace) -> None:
    partition, suffix, console = PLACES[foreign.aws.region]
    foreign.write(Snakefile=SNAKEFILE, in__txt=f"made in {foreign.aws.region}\n")
    foreign.allow(
        job_roles=(foreign.aws.job_role_arn,), execution_roles=(foreign.aws.execution_role_arn,)
    )
    roles = ["--batchx-job-role", foreign.aws.job_role_arn]
    roles += ["--batchx-execution-role", foreign.aws.execution_role_arn]
    run = foreign.snakemake("--keep-going", *roles)
    assert run.exit_code == 1, run.output
    assert (foreign.folder / "upper.txt").read_text() == f"MADE IN {foreign.aws.region.upper()}\n"
    assert "ended with exit code 3" in run.output
    assert "what went wrong" in run.output
    assert "arn:aws:" not in run.output
    batch = foreign.client("batch")
    definitions = batch.describe_job_definitions()["jobDefinitions"]
    ids = [event["batch_job_id"] for event in foreign.read_journal("submitted")]
    jobs = batch.describe_jobs(jobs=ids)["jobs"]
    queues = batch.describe_job_queues()["jobQueues"]
    arns = [*iter_arns(definitions), *iter_arns(jobs), *iter_arns(queues)]
    arns += [event["definition"] for event in foreign.read_journal("intent")]
    assert len(arns) > 10
    assert {arn.split(":")[1] for arn in arns} == {partition}
    assert foreign.aws.job_role_arn in arns
    streams = {job["container"]["logStreamName"] for job in jobs}
    logs = foreign.client("logs").describe_log_streams(logGroupName="/aws/batch/job")
    assert streams <= {stream["logStreamName"] for stream in logs["logStreams"]}
    host = read_registry_host(foreign)
    assert host == f"123456789012.dkr.ecr.{foreign.aws.region}.{suffix}"
    assert parse_ecr_host(host) == EcrHost("123456789012", foreign.aws.region)
    assert (make_job_url(foreign.aws.region, ids[0]) or "").startswith(f"https://{console}/")


def read_registry_host(workspace: Workspace) -> str:
    answer = workspace.client("ecr").get_authorization_token()
    return urlsplit(answer["authorizationData"][0]["proxyEndpoint"]).netloc


def test_a_role_of_another_partition_is_told(foreign: Workspace) -> None:
    foreign.write(Snakefile=SNAKEFILE, in__txt="x")
    run = foreign.snakemake("--batchx-job-role", "arn:aws:iam::123456789012:role/me")
    assert run.exit_code == 1
    assert "role/me is of AWS's common partition (aws), but region" in run.output
    assert "Traceback" not in run.output


def test_a_queue_local_is_where_the_setting_says(foreign: Workspace) -> None:
    foreign_aws = foreign.aws
    workspace = replace(foreign, environment={"HOME": foreign.environment["HOME"]})
    workspace.write(Snakefile="rule a:\n    output: 'a.txt'\n    shell: 'touch {output}'")
    run = workspace.snakemake(
        *("--batchx-job-queue", "local", "--batchx-local-runner", PROCESS),
        *("--batchx-region", foreign_aws.region),
    )
    assert run.exit_code == 0, run.output
    (intent,) = workspace.read_journal("intent")
    assert intent["definition"].startswith(f"arn:{PLACES[foreign_aws.region][0]}:batch:")
