"""The registry of jobs in flight: nothing is forgotten, nothing collected or ended twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from snakemake_executor_plugin_batchx.inflight import InFlight, Outcome, TrackedJob
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.request import Wish

DESCRIPTION = JobDescription(
    rules=("map",),
    attempt=1,
    argv=(),
    wish=Wish("Rule map"),
    inputs=(),
    products=(),
    steps=(),
)


def add_job(inflight: InFlight, submission: str, batch_job_id: str | None = None) -> TrackedJob:
    job = TrackedJob(submission, DESCRIPTION)
    inflight.add(job)
    if batch_job_id:
        assert inflight.note_batch_id(job, batch_job_id)
    return job


def test_a_job_is_watched_from_its_submission_to_its_collection() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1")
    assert inflight.take_unwatched() == []
    assert inflight.note_batch_id(job, "batch-1")
    assert inflight.take_unwatched() == ["batch-1"]
    assert inflight.take_unwatched() == []
    assert inflight.find("batch-1") is job
    assert inflight.claim_collecting(job)
    assert not inflight.claim_collecting(job)


@pytest.mark.parametrize("message", [None, "it failed"])
def test_an_outcome_is_taken_once_and_the_job_let_go(message: str | None) -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    assert inflight.take_outcomes() == {}
    inflight.conclude(job, message)
    inflight.conclude(job, "another")
    assert inflight.take_outcomes() == {"1": Outcome(message, "batch-1")}
    assert inflight.take_outcomes() == {}
    assert inflight.find("batch-1") is None


def test_a_job_that_failed_before_its_submission_has_an_outcome_too() -> None:
    inflight = InFlight()
    inflight.conclude(add_job(inflight, "1"), "no such input")
    assert inflight.take_outcomes() == {"1": Outcome("no such input", None)}


def test_a_concluded_job_is_not_collected() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    inflight.conclude(job, "lost")
    assert not inflight.claim_collecting(job)


def test_a_job_whose_twin_has_the_work_is_watched_and_collected_as_the_twin() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    assert inflight.claim_collecting(job)
    assert inflight.note_batch_id(job, "twin")
    assert inflight.take_unwatched() == ["batch-1", "twin"]
    assert inflight.find("batch-1") is None
    assert inflight.find("twin") is job
    assert inflight.claim_collecting(job)


def test_a_job_that_is_to_be_submitted_anew_has_no_batch_job() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1", "batch-1")
    inflight.forget_batch_id(job)
    assert inflight.find("batch-1") is None
    assert inflight.cancel() == []


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
    assert [job.batch_job_id for job in inflight.cancel()] == ["batch-1"]
    assert inflight.is_cancelled


def test_who_submits_while_the_run_is_cancelled_has_to_end_the_job() -> None:
    inflight = InFlight()
    job = add_job(inflight, "1")
    assert inflight.cancel() == []
    assert not inflight.note_batch_id(job, "batch-1")
    assert [job.batch_job_id for job in inflight.cancel()] == ["batch-1"]


def test_a_job_is_ended_once_however_often_the_run_is_cancelled() -> None:
    inflight = InFlight()
    job = TrackedJob("000001", DESCRIPTION)
    inflight.add(job)
    assert inflight.note_batch_id(job, "id-1")
    assert inflight.cancel() == [job]
    assert inflight.cancel() == []


def test_a_job_that_is_submitted_anew_elsewhere_has_a_place_of_its_own() -> None:
    job = TrackedJob("000001", DESCRIPTION)
    assert job.place == "000001"
    job.rounds += 1
    assert job.place == "000001-2"
