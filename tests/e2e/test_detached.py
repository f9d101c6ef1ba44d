"""Detached runs: the head is a Batch job, and the folder gets home what it makes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from detached_runs import ONCE, SUM, Detached, wait_for
from runs import make_workspace

from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def roomy_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS that has room for a head beside all jobs, whatever this machine has."""
    with launch_embedded_aws(runner=PROCESS, vcpus=32, memory_mib=100_000) as aws:
        yield aws


@pytest.fixture
def detached(tmp_path: Path, roomy_aws: EmbeddedAws) -> Detached:
    return Detached(make_workspace(tmp_path, roomy_aws))


def test_a_run_goes_on_by_itself_and_comes_home(detached: Detached) -> None:
    detached.gate.touch()
    began = detached.start()
    assert began.exit_code == 0, began.output
    (detached.folder / "data" / "other.txt").write_text("made here meanwhile")
    (detached.folder / "sum.log").write_text("made here meanwhile")
    wait_for(detached.has_ended)
    attached = detached.batchx("run", "attach")
    assert attached.exit_code == 0, attached.output
    assert (detached.folder / "sum.txt").read_text() == SUM
    assert "sum.log was changed here since the run began" in attached.output
    assert (detached.folder / "sum.log").read_text() == "made here meanwhile"
    assert (detached.folder / "data" / "other.txt").exists()
    assert detached.count_work() == ONCE
    again = detached.workspace.snakemake("-n")
    assert "Nothing to be done" in again.output
    listed = detached.batchx("run", "list")
    assert "ended, exit code 0" in listed.output


def test_a_head_that_is_killed_goes_on_and_nothing_runs_twice(detached: Detached) -> None:
    began = detached.start(options=["--checkpoint-seconds", "0.5"])
    assert began.exit_code == 0, began.output
    wait_for(lambda: detached.count_work().total() == 4)
    detached.kill_head()
    wait_for(lambda: len(detached.describe_head()["attempts"]) == 1)
    detached.gate.touch()
    wait_for(detached.has_ended)
    attached = detached.batchx("run", "attach")
    assert attached.exit_code == 0, attached.output
    assert detached.count_work() == ONCE
    assert (detached.folder / "sum.txt").read_text() == SUM
    attempts = detached.describe_head()["attempts"]
    assert [each["container"]["exitCode"] for each in attempts] == [137, 0]


def test_what_a_head_that_is_stopped_has_left_the_next_one_takes_up(detached: Detached) -> None:
    assert detached.start().exit_code == 0
    wait_for(lambda: detached.count_work().total() == 4)
    head_id = detached.describe_head()["jobId"]
    detached.workspace.client("batch").terminate_job(jobId=head_id, reason="from the console")
    wait_for(detached.has_ended)
    attached = detached.batchx("run", "attach")
    assert attached.exit_code == 1
    assert "the next detached run of the folder takes them up" in attached.output
    detached.gate.touch()
    assert detached.start().exit_code == 0
    wait_for(detached.has_ended)
    attached = detached.batchx("run", "attach")
    assert attached.exit_code == 0, attached.output
    assert detached.count_work() == ONCE


def test_cancel_ends_the_head_and_its_jobs(detached: Detached) -> None:
    refused = detached.start(options=["--image", "no image"])
    assert refused.exit_code == 1
    assert "'no image' is no image reference" in refused.output
    assert "sending" not in refused.output
    began = detached.start()
    assert began.exit_code == 0, began.output
    wait_for(lambda: detached.count_work().total() == 4)
    second = detached.start()
    assert second.exit_code == 1
    assert "goes on in this folder" in second.output
    cancelled = detached.batchx("run", "cancel")
    assert cancelled.exit_code == 0, cancelled.output
    batch = detached.workspace.client("batch")
    queue = detached.workspace.aws.job_queue
    for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"):
        left = batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
        assert left == []
    assert "cancelled" in detached.batchx("run", "list").output
