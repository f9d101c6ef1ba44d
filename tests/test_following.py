"""A job of an earlier run that was ended while its twin had the work: the twin is followed."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from head_world import CONTEXT, DESCRIPTION, make_ports

from snakemake_executor_plugin_batchx.batch.reasons import CANCELLED, OF_HEADS
from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.watcher import Poll
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.job.lease import take_lease
from snakemake_executor_plugin_batchx.recovery import LeftJobs, read_left_jobs


class PlainBatch:
    """Takes jobs, and ends them."""

    def __init__(self, first: int = 1) -> None:
        self.next = first

    def submit_job(self, _request: dict[str, Any]) -> str:
        self.next += 1
        return f"job-{self.next - 1}"

    def terminate_jobs(self, _job_ids: Sequence[str], _reason: str) -> list[str]:
        return []


class ToldWatcher:
    """Tells how jobs ended, as soon as they are watched."""

    def __init__(self, **reasons: str) -> None:
        self.reasons = reasons
        self.watched: list[str] = []
        self.new: list[str] = []

    def watch(self, job_ids: Sequence[str]) -> None:
        self.watched += job_ids
        self.new += job_ids

    def describe_untold(self) -> list[JobState]:
        return []

    def poll_if_due(self) -> Poll:
        new, self.new = self.new, []
        told = [(job_id, self.reasons.get(job_id.replace("-", "_"))) for job_id in new]
        return Poll(tuple(JobState(i, "FAILED", why, ()) for i, why in told if why is not None))


def hand_over(conductor: Conductor) -> None:
    with conductor.open_portion():
        conductor.hand_over(DESCRIPTION)


def run_until(conductor: Conductor, watcher: ToldWatcher, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(watcher.watched) < count:
        assert time.monotonic() < deadline, watcher.watched
        conductor.tick()


@pytest.mark.parametrize(
    ("holder", "reasons", "watched"),
    [
        (None, {"job_1": CANCELLED}, ["job-1", "job-2"]),
        ("head of run run-1", {"job_1": CANCELLED}, ["job-1", "job-2"]),
        ("twin", {"job_1": CANCELLED}, ["job-1", "twin"]),
        ("twin", {"job_1": CANCELLED, "twin": "Essential"}, ["job-1", "twin", "job-2"]),
        ("job-1", {"job_1": CANCELLED}, ["job-1", "job-2"]),
    ],
)
def test_a_job_that_was_ended(
    tmp_path: Path, holder: str | None, reasons: dict[str, str], watched: list[str]
) -> None:
    watcher = ToldWatcher()
    ports = make_ports(tmp_path, PlainBatch(), watcher=watcher)
    first = Conductor(CONTEXT, ports)
    hand_over(first)
    run_until(first, watcher, 1)
    first.close()
    (left,) = read_left_jobs([tmp_path / "run.jsonl"])
    if holder:
        take_lease(cast(Any, ports.store), f"{left.prefix}/lease", holder)

    watcher = ToldWatcher(**reasons)
    (tmp_path / "second").mkdir()
    second = Conductor(
        CONTEXT,
        make_ports(
            tmp_path / "second",
            PlainBatch(first=2),
            watcher=watcher,
            store=ports.store,
            left=LeftJobs([left]),
        ),
    )
    hand_over(second)
    run_until(second, watcher, len(watched))
    assert watcher.watched == watched
    assert second.take_outcomes() == {}
    second.close()


class ScriptedWatcher(ToldWatcher):
    """Tells one state after the other, from when a job is watched."""

    def __init__(self, *states: JobState) -> None:
        super().__init__()
        self.states = list(states)

    def poll_if_due(self) -> Poll:
        return Poll((self.states.pop(0),)) if self.watched and self.states else Poll()


@pytest.mark.parametrize("reason", [*OF_HEADS, f"Array child terminated: {CANCELLED}"])
def test_a_job_that_a_head_was_ending_when_it_was_taken_up(tmp_path: Path, reason: str) -> None:
    ports = make_ports(tmp_path, PlainBatch(), watcher=ToldWatcher())
    first = Conductor(CONTEXT, ports)
    with first.open_portion():
        hand_over(first)
    run_until(first, cast(Any, ports.watcher), 1)
    first.close()
    (tmp_path / "second").mkdir()
    states = [JobState("job-1", "RUNNING", "", ()), JobState("job-1", "FAILED", reason, ())]
    watcher = ScriptedWatcher(*states)
    left = LeftJobs(read_left_jobs([tmp_path / "run.jsonl"]))
    batch = PlainBatch(first=2)
    ports = make_ports(tmp_path / "second", batch, watcher=watcher, store=ports.store, left=left)
    second = Conductor(CONTEXT, ports)
    with second.open_portion():
        hand_over(second)
    run_until(second, watcher, 2)
    assert watcher.watched == ["job-1", "job-2"]
    assert second.take_outcomes() == {}
    second.close()
