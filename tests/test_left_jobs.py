"""Jobs of an earlier run that are not taken up: none is forgotten while it may work."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from head_world import CONTEXT, DESCRIPTION, make_planner, make_ports
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE
from snakemake_executor_plugin_batchx.batch.reasons import OBSOLETE
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.plan.names import make_work_key
from snakemake_executor_plugin_batchx.recovery import LeftJob, LeftJobs
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

WORK = make_work_key(DESCRIPTION.steps, CONTEXT.work_dir)
CHANGED = LeftJob("other", WORK, "bx-name", "runs/old/000001", "spec", "job-1")

HOLDING = dataclasses.replace(CONTEXT, planner=make_planner(), pace=AWS_PACE)
"""Jobs wait for others, for ever: the clock of these tests stands still."""


class EndingBatch:
    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def terminate_jobs(self, job_ids: Sequence[str], reason: str) -> list[str]:
        self.ended += [(job_id, reason) for job_id in job_ids]
        return []


class BrokenStore(MemoryStore):
    def create_bytes(self, key: str, data: bytes) -> bool:
        raise StorageError(f"no {key} of {len(data)} bytes", "SlowDown")


def hand_over(folder: Path, left: LeftJobs, batch: EndingBatch, **ports: Any) -> Conductor:
    conductor = Conductor(HOLDING, make_ports(folder, batch, left=left, **ports))
    with conductor.open_portion():
        conductor.hand_over(DESCRIPTION)
    return conductor


def test_a_job_that_has_changed_is_ended_though_its_successor_was_not_submitted(
    tmp_path: Path,
) -> None:
    batch, left = EndingBatch(), LeftJobs([CHANGED])
    conductor = hand_over(tmp_path, left, batch)
    while left:  # until it is being prepared, which `close` waits for
        pass
    conductor.close()
    assert batch.ended == [("job-1", OBSOLETE)]


def test_a_job_that_could_not_be_decided_on_stays_for_the_next_run(tmp_path: Path) -> None:
    left = LeftJobs([CHANGED])
    conductor = hand_over(tmp_path, left, EndingBatch(), store=BrokenStore())
    outcomes = {}
    while not outcomes:
        outcomes = conductor.take_outcomes()
    assert "runs/old/000001/lease" in str(outcomes["000001"].message)
    assert left.take(WORK) == CHANGED
    conductor.close()
