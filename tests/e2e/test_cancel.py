"""Ctrl-C at any moment ends every job of the run."""

import time

import pytest
from runs import Workspace, interrupt_when
from test_many_jobs import list_job_processes

MOMENTS = {
    "while jobs are handed over": ("Select jobs to execute", 1),
    "with the first job submitted": ("is Batch job", 1),
    "with all jobs submitted": ("is Batch job", 6),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupt(workspace: Workspace, moment: str) -> None:
    workspace.write(
        Snakefile="""
            rule all:
                input: expand("out/{n}.txt", n=range(6))
            rule one:
                output: "out/{n}.txt"
                shell: "sleep 600"
            """
    )
    words, times = MOMENTS[moment]
    process = workspace.start("-j", "6")
    output = interrupt_when(process, words, times)
    assert process.returncode != 0
    assert "Traceback" not in output

    reasons = wait_until_ended(workspace)
    assert len(reasons) >= (times if words == "is Batch job" else 0)
    assert set(reasons) <= {"The Snakemake run was cancelled by its user."}
    assert list_job_processes(workspace.aws.endpoint_url) == []


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
    assert ids == [], "jobs go on after Ctrl-C"
    return []
