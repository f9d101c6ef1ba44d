"""A head that was interrupted: what had finished by then is not run again."""

import signal

import pytest
from runs import Workspace
from test_reattach import ONCE, SUM, World, wait_for

pytestmark = pytest.mark.slow


def test_jobs_that_finished_just_before_ctrl_c_are_collected(workspace: Workspace) -> None:
    world = World(workspace)
    process = workspace.start("-j", "20")
    wait_for(lambda: len(workspace.read_journal("submitted")) == 2, process)
    # It can neither see that its jobs end nor anything else before it is interrupted.
    process.send_signal(signal.SIGSTOP)
    world.gate.touch()
    ids = [event["batch_job_id"] for event in workspace.read_journal("submitted")]
    batch = workspace.client("batch")
    wait_for(lambda: all(j["status"] == "SUCCEEDED" for j in batch.describe_jobs(jobs=ids)["jobs"]))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode != 0, output

    run = world.restart()
    assert run.exit_code == 0, run.output
    assert world.count_work() == ONCE
    assert (workspace.folder / "sum.txt").read_text() == SUM
    again = workspace.snakemake("--forcerun", "sum")
    assert again.exit_code == 0, again.output
    assert "earlier run" not in again.output


def test_jobs_that_ctrl_c_ended_are_run_anew(workspace: Workspace) -> None:
    world = World(workspace)
    process = workspace.start("-j", "20")
    wait_for(lambda: len(world.read_ledger()) >= 2, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    world.ledger.unlink()
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert world.count_work() == ONCE
    assert (workspace.folder / "sum.txt").read_text() == SUM
