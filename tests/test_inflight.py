"""The registry of jobs in flight: nothing is forgotten, nothing collected or ended twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from snakemake_executor_plugin_batchx.inflight import InFlight, Outcome, TrackedJob
from snakemake_executor_plugin_batchx.plan.job import JobDescription

DESCRIPTION = JobDescription(
    label="Rule map",
    rules=("map",),
    attempt=1,
    argv=(),
    container=None,
    resources={},
    inputs=(),
    products=(),
    steps=(),
)


def add_job(inflight: InFlight, submission: str, batch_job_id: str | None = None) -> TrackedJob:
    job = TrackedJob(submission, DESCRIPTION)
    inflight.add(job)
    if batch_job_id:
        assert inflight.note_submitted(job, batch_job_id)
    return job


def test_a_job_is_watched_from_its_submission_to_its_collection() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1")
    assert inflight.list_watched() == {}
    assert inflight.note_submitted(job, "batch-1")
    assert inflight.list_watched() == {"batch-1": job}
    assert inflight.claim_collecting(job)
    assert inflight.list_watched() == {}


@pytest.mark.parametrize("message", [None, "it failed"])
def test_an_outcome_is_taken_once_and_the_job_let_go(message: str | None) -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    assert inflight.take_outcome("1") is None
    inflight.conclude(job, message)
    assert inflight.take_outcome("1") == Outcome(message, "batch-1")
    with pytest.raises(KeyError):
        inflight.take_outcome("1")


def test_a_job_that_failed_before_its_submission_has_an_outcome_too() -> None:
    inflight = InFlight()
    inflight.conclude(add_job(inflight, "1"), "no such input")
    assert inflight.take_outcome("1") == Outcome("no such input", None)


def test_a_concluded_job_is_neither_watched_nor_collected() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    inflight.conclude(job, "lost")
    assert inflight.list_watched() == {}
    assert not inflight.claim_collecting(job)


def test_of_many_threads_one_collects() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: inflight.claim_collecting(job), range(100)))
    assert claims.count(True) == 1


def test_cancel_names_the_jobs_that_run_and_only_those() -> None:
    inflight = InFlight()
    add_job(inflight, "not submitted")
    add_job(inflight, "running", "batch-1")
    inflight.claim_collecting(add_job(inflight, "being collected", "batch-2"))
    inflight.conclude(add_job(inflight, "concluded", "batch-3"), None)
    assert not inflight.is_cancelled
    assert inflight.cancel() == ["batch-1"]
    assert inflight.is_cancelled


def test_who_submits_while_the_run_is_cancelled_has_to_end_the_job() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1")
    assert inflight.cancel() == []
    assert not inflight.note_submitted(job, "batch-1")
    assert inflight.cancel() == ["batch-1"]


def test_a_job_is_ended_once_however_often_the_run_is_cancelled() -> None:
    inflight = InFlight()
    job = TrackedJob("000001", DESCRIPTION)
    inflight.add(job)
    assert inflight.note_submitted(job, "id-1")
    assert inflight.cancel() == ["id-1"]
    assert inflight.cancel() == []
