"""A run that is stopped leaves no twin at work: no job whose submission was never answered."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.aws.errors import UnansweredError
from snakemake_executor_plugin_batchx.batch.pace import EMBEDDED_PACE
from snakemake_executor_plugin_batchx.batch.submitter import Submitter
from snakemake_executor_plugin_batchx.inflight import InFlight, TrackedJob
from snakemake_executor_plugin_batchx.job.lease import read_holder, take_lease
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.launching import Launcher
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.recovery import LeftJobs
from snakemake_executor_plugin_batchx.spec import Blob, SharedSpec
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs
from snakemake_executor_plugin_batchx.storage.layout import S3Root
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

    def submit_job(self, _request: dict[str, Any]) -> str:
        self.submitted.append(f"job-{len(self.submitted) + 1}")
        if len(self.submitted) <= self.lost:
            self.is_lost.set()
            raise LOST
        self.is_answered.set()
        return self.submitted[-1]

    def find_jobs_by_name(self, *_: object) -> list[dict[str, Any]]:
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
        self.store = MemoryStore()
        self.stopped = threading.Event()
        self.inflight = InFlight()
        quiet = SimpleNamespace(info=print, warning=print, debug=print)
        image = JobImage("image", "image")
        ports = SimpleNamespace(
            gateway=self.batch,
            images=SimpleNamespace(provide=lambda *_: image),
            stager=SimpleNamespace(stage_inputs=lambda *_: ()),
            definitions=SimpleNamespace(provide=lambda *_: "arn"),
            submitter=Submitter(
                self.batch,
                lambda _: self.stopped.wait(0.01),
                self.stopped.is_set,
                lambda: 0.0,
            ),
            store=self.store,
            left=LeftJobs(()),
            journal=Journal(folder / "run.jsonl", lambda: 0.0),
            log=quiet,
            clock=lambda: 0.0,
        )
        context = RunContext(
            run_id="run-1",
            region="eu-west-1",
            job_queue="queue",
            root=S3Root("bucket", "root"),
            shared=SharedSpec(1, "root", Blob("sources", 0, 1, "0" * 64), 0, ".", "."),
            work_dir="/work",
            tags={},
            python="python",
            has_arrays=False,
            pace=EMBEDDED_PACE,
        )
        self.workers = Workers(lambda *_: None, quiet)
        specs = KeptSpecs(cast(Any, self.store), has_secrets=False)
        self.launcher = Launcher(context, cast(Ports, ports), self.inflight, specs, self.workers)
        description = JobDescription("Rule one", ("one",), 1, (), None, {}, (), (), ())
        self.job = TrackedJob("000001", description)
        self.inflight.add(self.job)
        with self.launcher.hold(0.0):
            self.launcher.begin(self.job)

    def stop(self) -> None:
        """As the conductor ends a run."""
        self.inflight.cancel()
        self.stopped.set()
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
