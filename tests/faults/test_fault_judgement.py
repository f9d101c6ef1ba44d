"""The checker finds what is planted: lost and wrong outputs, duplicates, orphans."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from e2e.runs import make_client

from faults.fault_workflow import Work, list_expected, read_ledger
from faults.fault_world import World
from faults.judgement import Findings, find_duplicated, find_lost, find_orphans, find_wrong
from faults.server_record import ServerJob

EXPECTED = {"a": "1\n", "b": "2\n"}
WORKS = [Work("a", "job-a", 1), Work("b", "job-b:3", 1)]


def make_job(job_id: str, status: str = "SUCCEEDED", **fields: Any) -> ServerJob:
    plain = ServerJob(job_id, "bx", status, "", False, False, 0.0, ("Essential container",))
    return replace(plain, **fields)


JOBS = {job_id: make_job(job_id) for job_id in ("job-a", "job-b:3", "other")}


def test_a_sound_trial_is_clean() -> None:
    found = find_lost(EXPECTED, dict(EXPECTED), WORKS)
    found += find_duplicated(WORKS, JOBS, is_cancelled=False)
    found += find_orphans(JOBS, JOBS, cancelled_since=0.0)
    assert found == Findings()
    assert found.is_clean
    assert len(list_expected()) == 12


@pytest.mark.parametrize(
    ("outputs", "works", "words"),
    [
        ({"a": "1\n"}, WORKS, ["b: no output"]),
        ({"a": "1\n", "b": "2"}, WORKS, ["b: its output is wrong"]),
        (EXPECTED, WORKS[:1], ["b: no work in the ledger"]),
    ],
)
def test_lost(outputs: dict[str, str], works: list[Work], words: list[str]) -> None:
    assert list(find_lost(EXPECTED, outputs, works).lost) == words


def test_half_an_output_is_wrong_before_the_end() -> None:
    assert find_wrong(EXPECTED, {"a": "1\n"}).is_clean
    assert find_wrong(EXPECTED, {"a": ""}).lost == ("a: its output is wrong",)


@pytest.mark.parametrize(
    ("second", "job", "is_cancelled", "is_found"),
    [
        (Work("a", "other", 1), make_job("other"), False, True),
        (Work("a", "job-a", 2), make_job("other"), False, True),
        (Work("a", "other", 1), make_job("other", reasons=("Host EC2 (instance i-1) …",)), 0, 0),
        (Work("a", "other", 2), make_job("other", reasons=("Host EC2 (…", "Essential")), 0, 1),
        (Work("a", "other", 1), make_job("other", "FAILED"), True, True),
        (Work("a", "other", 1), make_job("other", "FAILED", is_ending=True), True, False),
        (Work("a", "other", 1), make_job("other", "FAILED", is_ending=True), False, True),
        (Work("a", "other", 1), make_job("other", is_ending=True), True, True),
    ],
)
def test_duplicated(second: Work, job: ServerJob, is_cancelled: bool, is_found: bool) -> None:
    jobs = {**JOBS, "other": job}
    found = find_duplicated([*WORKS, second], jobs, is_cancelled=is_cancelled)
    assert len(found.duplicated) == is_found
    assert not found.lost


def test_work_of_a_job_that_batch_does_not_know() -> None:
    assert len(find_duplicated([Work("a", "gone", 1)], JOBS, is_cancelled=False).troubles) == 1


@pytest.mark.parametrize(
    ("at_exit", "at_end", "is_cancelled", "count"),
    [
        (make_job("x", "RUNNING"), make_job("x"), False, 0),
        (make_job("x", "RUNNING"), make_job("x", "RUNNING"), False, 1),
        (make_job("x", "RUNNING"), make_job("x"), True, 1),
        (make_job("x", "RUNNABLE"), make_job("x", "FAILED"), True, 1),
        (make_job("x", "RUNNING", is_ending=True), make_job("x", "FAILED"), True, 0),
        (None, make_job("x"), True, 1),
        (None, make_job("x"), False, 0),
    ],
)
def test_orphans(
    at_exit: ServerJob | None, at_end: ServerJob, is_cancelled: bool, count: int
) -> None:
    before = {"x": at_exit} if at_exit else {}
    since = 0.0 if is_cancelled else None
    assert len(find_orphans(before, {"x": at_end}, cancelled_since=since).orphans) == count


def test_jobs_of_an_earlier_head_are_not_this_ones_to_end() -> None:
    left = {"x": make_job("x", "RUNNING", created_at=5.0)}
    ended = {"x": make_job("x")}
    assert find_orphans(left, ended, cancelled_since=6.0).is_clean
    assert not find_orphans(left, ended, cancelled_since=5.0).is_clean


@pytest.fixture(scope="module")
def batch(calm_world: World) -> Iterator[Any]:
    """A client with a definition ``plain``."""
    client = make_client(calm_world.aws, "batch")
    requirements = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    client.register_job_definition(
        jobDefinitionName="plain",
        type="container",
        containerProperties={"image": "x", "resourceRequirements": requirements},
    )
    yield client
    client.close()


def submit(world: World, batch: Any, script: str, **fields: Any) -> str:
    answer = batch.submit_job(
        jobName="planted",
        jobQueue=world.aws.job_queue,
        jobDefinition="plain",
        containerOverrides={"command": ["sh", "-c", script]},
        **fields,
    )
    return str(answer["jobId"])


def test_planted_in_the_server(calm_world: World, batch: Any, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    script = f'echo "a $AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT" >> {ledger}'
    single = submit(calm_world, batch, script)
    array = submit(calm_world, batch, script, arrayProperties={"size": 2})
    jobs = calm_world.record.wait_until_idle(30)
    assert set(jobs) == {single, array, f"{array}:0", f"{array}:1"}
    assert not any(job.is_active for job in jobs.values())
    (found,) = find_duplicated(read_ledger(ledger), jobs, is_cancelled=False).duplicated
    assert all(job_id in found for job_id in (single, f"{array}:0", f"{array}:1"))

    left = submit(calm_world, batch, "sleep 600")
    at_exit = calm_world.record.read_jobs()
    at_end = calm_world.record.wait_until_idle(0.0)
    assert f"{left} is " in find_orphans(at_exit, at_end).orphans[0]
    batch.terminate_job(jobId=left, reason="seen")
    at_exit = calm_world.record.read_jobs()
    at_end = calm_world.record.wait_until_idle(30)
    assert find_orphans(at_exit, at_end, cancelled_since=0.0).is_clean
    assert at_end[left].is_stopped
