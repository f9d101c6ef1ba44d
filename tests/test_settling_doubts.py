"""A run that is stopped leaves no twin at work: no job whose submission was never answered."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from head_world import CONTEXT, DESCRIPTION, make_ports
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.aws.errors import UnansweredError
from snakemake_executor_plugin_batchx.inflight import InFlight, TrackedJob
from snakemake_executor_plugin_batchx.job.lease import read_holder, take_lease
from snakemake_executor_plugin_batchx.launching import Launcher
from snakemake_executor_plugin_batchx.left_teller import LeftTeller
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs
from snakemake_executor_plugin_batchx.working import Workers

LOST = UnansweredError("no answer", "ReadTimeoutError")


class ForgetfulBatch:
    """Loses the answers to the first submissions, and lists no job at all."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.submitted: list[str] = []
        self.ended: list[str] = []
        self.is_answered = threading.Event()
        self.is_lost = threading.Event()
        self.is_reachable = True

    def submit_job(self, _request: dict[str, Any]) -> str:
        self.submitted.append(f"job-{len(self.submitted) + 1}")
        if len(self.submitted) <= self.lost:
            self.is_lost.set()
            raise LOST
        self.is_answered.set()
        return self.submitted[-1]

    def find_jobs_by_name(self, *_: object) -> list[dict[str, Any]]:
        if not self.is_reachable:
            raise LOST
        return []

    def describe_jobs(self, *_: object) -> list[dict[str, Any]]:
        return []

    def terminate_jobs(self, job_ids: Sequence[str], _reason: str) -> list[str]:
        self.ended += job_ids
        return []


class World:
    """A launcher whose Batch is forgetful, with one job."""

    def __init__(self, folder: Path, lost: int) -> None:
        self.batch = ForgetfulBatch(lost)
        self.ports = make_ports(folder, self.batch)
        self.store = cast(MemoryStore, self.ports.store)
        self.inflight = InFlight()
        self.workers = Workers(lambda *_: None, self.ports.log)
        specs = KeptSpecs(self.ports.store, has_secrets=False)
        self.launcher = Launcher(
            CONTEXT, self.ports, self.inflight, specs, self.workers, LeftTeller()
        )
        self.job = TrackedJob("000001", DESCRIPTION)
        self.inflight.add(self.job)
        with self.launcher.hold(0.0):
            self.launcher.begin(self.job)

    def stop(self) -> None:
        """As the conductor ends a run."""
        self.inflight.cancel()
        self.ports.stopped.set()
        self.launcher.stop("enough")
        self.workers.close()
        self.launcher.settle_doubts()


def wait(event: threading.Event) -> None:
    assert event.wait(30)


def test_a_job_without_an_answer_will_not_work(tmp_path: Path) -> None:
    world = World(tmp_path, lost=1000)
    wait(world.batch.is_lost)
    world.stop()
    with pytest.raises(Exception, match="head of run run-1 already does this work"):
        take_lease(world.store, world.job.lease_key, "job-1")


def test_the_twin_of_a_job_that_was_answered_will_not_work(tmp_path: Path) -> None:
    world = World(tmp_path, lost=1)
    wait(world.batch.is_answered)
    world.stop()
    assert world.batch.submitted == ["job-1", "job-2"]
    assert read_holder(world.store, world.job.lease_key) == "head of run run-1"


def test_a_twin_that_works_already_is_ended(tmp_path: Path) -> None:
    world = World(tmp_path, lost=1)
    wait(world.batch.is_answered)
    take_lease(world.store, world.job.lease_key, "job-1")
    world.stop()
    assert "job-1" in world.batch.ended


def test_a_twin_that_works_is_ended_though_batch_lists_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, lost=1)
    wait(world.batch.is_answered)
    take_lease(world.store, world.job.lease_key, "job-1")
    world.batch.is_reachable = False
    with pytest.raises(UnansweredError):
        world.stop()
    assert "job-1" in world.batch.ended


def test_nothing_is_claimed_without_a_doubt(tmp_path: Path) -> None:
    world = World(tmp_path, lost=0)
    wait(world.batch.is_answered)
    world.stop()
    assert world.job.lease_key not in world.store.objects


def test_nor_of_a_job_that_has_ended(tmp_path: Path) -> None:
    world = World(tmp_path, lost=1)
    wait(world.batch.is_answered)
    world.inflight.conclude(world.job, None)
    world.stop()
    assert world.job.lease_key not in world.store.objects
    events = [json.loads(line)["event"] for line in (tmp_path / "run.jsonl").open()]
    assert events == ["intent", "submitted"]
