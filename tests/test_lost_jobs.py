"""A job that DescribeJobs has not known for long: looked up, and ended with the run."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from head_world import CONTEXT, DESCRIPTION, make_ports

from snakemake_executor_plugin_batchx.batch.reasons import ABANDONED
from snakemake_executor_plugin_batchx.batch.watcher import Poll
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.inflight import Outcome


class SlowBatch:
    """Takes its one job, and does not answer ListJobs before it is told to."""

    def __init__(self, *, is_listed: bool) -> None:
        self.is_listed = is_listed
        self.ended: list[str] = []
        self.reasons: list[str] = []
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def submit_job(self, _request: dict[str, Any]) -> str:
        return "job-1"

    def find_jobs_by_name(self, *_: object) -> list[dict[str, Any]]:
        self.is_asked.set()
        assert self.may_answer.wait(30)
        return [{"jobId": "job-1"}] if self.is_listed else []

    def terminate_jobs(self, job_ids: Sequence[str], reason: str) -> list[str]:
        self.ended += job_ids
        self.reasons.append(reason)
        return []


class ForgettingWatcher:
    """Reports the first job it is given as lost, once."""

    def __init__(self) -> None:
        self.watched: list[str] = []
        self.lost: list[str] = []

    def watch(self, job_ids: Sequence[str]) -> None:
        self.lost = [*job_ids] if not self.watched else []
        self.watched += job_ids

    def describe_untold(self) -> list[object]:
        return []

    def poll_if_due(self) -> Poll:
        lost, self.lost = self.lost, []
        return Poll(lost=tuple(lost))


def start(folder: Path, batch: SlowBatch) -> tuple[Conductor, str, ForgettingWatcher]:
    """Return a conductor that has just begun to look for its one job."""
    watcher = ForgettingWatcher()
    conductor = Conductor(CONTEXT, make_ports(folder, batch, watcher=watcher))
    with conductor.open_portion():
        submission = conductor.hand_over(DESCRIPTION)
    while not batch.is_asked.wait(0.01):
        conductor.tick()
    return conductor, submission, watcher


def await_outcomes(conductor: Conductor) -> dict[str, Outcome]:
    deadline = time.monotonic() + 60
    while not (outcomes := conductor.take_outcomes()):
        assert time.monotonic() < deadline
        conductor.tick()
    return outcomes


def test_a_run_that_is_stopped_meanwhile_ends_the_job(tmp_path: Path) -> None:
    batch = SlowBatch(is_listed=True)
    conductor, _, _ = start(tmp_path, batch)
    conductor.cancel()
    batch.may_answer.set()
    conductor.close()
    assert "job-1" in batch.ended


def test_a_job_that_is_listed_is_watched_again(tmp_path: Path) -> None:
    batch = SlowBatch(is_listed=True)
    conductor, _, watcher = start(tmp_path, batch)
    batch.may_answer.set()
    while watcher.watched != ["job-1", "job-1"]:
        conductor.tick()
    assert conductor.take_outcomes() == {}
    conductor.close()
    assert batch.ended == ["job-1"]


def test_a_job_that_is_not_listed_has_failed(tmp_path: Path) -> None:
    batch = SlowBatch(is_listed=False)
    conductor, submission, _ = start(tmp_path, batch)
    batch.may_answer.set()
    outcomes = await_outcomes(conductor)
    assert outcomes[submission].message == "AWS Batch does not know job job-1 any more."
    conductor.close()
    assert batch.ended == []


def test_a_job_that_the_head_cannot_follow_is_ended(tmp_path: Path) -> None:
    def fail(_text: str) -> None:
        raise KeyError("a bug")

    batch, watcher = SlowBatch(is_listed=True), ForgettingWatcher()
    log = SimpleNamespace(info=fail, warning=print, debug=print)
    conductor = Conductor(CONTEXT, make_ports(tmp_path, batch, watcher=watcher, log=log))
    with conductor.open_portion():
        submission = conductor.hand_over(DESCRIPTION)
    outcomes = await_outcomes(conductor)
    assert outcomes[submission].message == "batchx failed: KeyError: 'a bug'"
    conductor.close()
    assert batch.ended == ["job-1"]
    assert batch.reasons == [ABANDONED]
