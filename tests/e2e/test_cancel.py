"""Ctrl-C or SIGTERM at any moment ends every job of the run."""

import signal
import time
from dataclasses import replace

import pytest
from holding_proxy import hold_calls
from runs import Workspace, interrupt_when
from test_many_jobs import list_job_processes

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIX_LONG_JOBS = """
    rule all:
        input: expand("out/{n}.txt", n=range(6))
    rule one:
        output: "out/{n}.txt"
        shell: "sleep 600"
    """

SINGLY = ("--batchx-array", "off")
MOMENTS = {
    "while jobs are chosen": ("Select jobs to execute", 0, ()),
    "while jobs are handed over": ("Execute 6 jobs", 0, ()),
    "with the first job submitted": ("is Batch job", 1, SINGLY),
    "with all jobs submitted": ("is Batch job", 6, SINGLY),
    "with all jobs submitted as one": ("jobs of one are array job", 1, ()),
}
"""What is said then, how often, as submissions of the run, and arguments."""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupt(workspace: Workspace, moment: str, number: signal.Signals) -> None:
    workspace.write(Snakefile=SIX_LONG_JOBS)
    words, submissions, arguments = MOMENTS[moment]
    process = workspace.start("-j", "6", *arguments)
    output = interrupt_when(process, words, max(1, submissions), number)
    assert process.returncode != 0
    assert "Traceback" not in output

    reasons = wait_until_ended(workspace)
    assert len(reasons) >= submissions
    assert set(reasons) <= {"The Snakemake run was cancelled by its user."}
    assert list_job_processes(workspace.aws.endpoint_url) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_jobs_are_ended_while_a_status_check_runs(
    workspace: Workspace, number: signal.Signals
) -> None:
    workspace.write(Snakefile=SIX_LONG_JOBS)
    with hold_calls(workspace.aws.endpoint_url, "/v1/describejobs", "/v1/terminatejobs") as proxy:
        environment = {**workspace.environment, "AWS_ENDPOINT_URL_BATCH": proxy.url}
        process = replace(workspace, environment=environment).start("-j", "6")
        assert proxy.is_holding.wait(timeout=120)
        process.send_signal(number)
        output = process.communicate(timeout=120)[0]
    assert proxy.released_by == "/v1/terminatejobs"
    assert process.returncode != 0
    assert "Traceback" not in output
    assert set(wait_until_ended(workspace)) == {"The Snakemake run was cancelled by its user."}


def wait_until_ended(workspace: Workspace) -> list[str]:
    """Return the reasons of this workspace's jobs once all have ended; within a minute."""
    batch = workspace.client("batch")
    ids = [event["batch_job_id"] for event in workspace.read_journal("submitted")]
    deadline = time.monotonic() + 60
    while ids and time.monotonic() < deadline:
        jobs = batch.describe_jobs(jobs=ids)["jobs"]
        if all(job["status"] == "FAILED" for job in jobs):
            return [job["statusReason"] for job in jobs]
        time.sleep(0.1)
    assert ids == [], "jobs go on after the signal"
    return []
