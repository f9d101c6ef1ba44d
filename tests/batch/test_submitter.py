"""A job is submitted once, whatever becomes of the answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.aws.errors import AwsError, UnansweredError
from snakemake_executor_plugin_batchx.batch.submitter import Submission, Submitter, read_submission
from snakemake_executor_plugin_batchx.plan.submission import make_job_command


def make_command(url: str) -> list[str]:
    """Return a job's command with words behind the spec's URL, as --batchx-s3-kms-key adds."""
    return make_job_command("/batchx/python", "eu-west-1", url, '{"kms_key": "key"}')


REQUEST = {
    "jobName": "bx-map-0-1",
    "jobQueue": "queue",
    "containerOverrides": {"command": make_command("s3://bucket/spec")},
}
SUBMISSION = Submission("bx-map-0-1", "queue", "s3://bucket/spec")
LOST = UnansweredError("no answer", "ReadTimeoutError")
UNREACHED = AwsError("no connection", "EndpointConnectionError", is_transient=True)
REFUSED = AwsError("AWS Batch refuses it.", "ClientException", is_transient=False)


@dataclass
class Account:
    """Jobs by id: the URLs of their specs. `answers` are raised, or ids that are returned."""

    answers: list[Exception | str]
    jobs: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[], object] = lambda: None

    def submit_job(self, request: dict[str, Any]) -> str:
        assert request == REQUEST
        self.calls.append("SubmitJob")
        self.on_call()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find_jobs_by_name(self, queue: str, name: str, _purpose: str) -> list[dict[str, Any]]:
        assert (queue, name) == ("queue", "bx-map-0-1")
        self.calls.append("ListJobs")
        return [{"jobId": job_id} for job_id in self.jobs]

    def describe_jobs(self, job_ids: Sequence[str], _purpose: str) -> list[dict[str, Any]]:
        return [
            {"jobId": job_id, "container": {"command": make_command(self.jobs[job_id])}}
            for job_id in job_ids
        ]


class World:
    def __init__(self, *answers: Exception | str, jobs: dict[str, str] | None = None) -> None:
        self.account = Account(list(answers), jobs or {})
        self.pauses: list[float] = []
        self.is_stopped = False
        self.submitter = Submitter(
            self.account, self.pauses.append, lambda: self.is_stopped, lambda: 0.5
        )

    def stop(self) -> None:
        self.is_stopped = True


def test_a_job_is_found_by_its_spec_whatever_else_its_command_says() -> None:
    assert read_submission(REQUEST) == SUBMISSION


def test_an_answer_at_once() -> None:
    world = World("id")
    assert world.submitter.submit(REQUEST) == "id"
    assert world.account.calls == ["SubmitJob"]
    assert world.pauses == []
    assert world.submitter.list_doubts() == []


def test_a_lost_answer_is_looked_up_and_not_asked_for_again() -> None:
    world = World(LOST, jobs={"other": "s3://bucket/other", "id": "s3://bucket/spec"})
    assert world.submitter.submit(REQUEST) == "id"
    assert world.account.calls == ["SubmitJob", "ListJobs"]
    assert world.submitter.list_doubts() == [SUBMISSION]


def test_the_same_name_of_an_earlier_run_is_not_taken_for_it() -> None:
    world = World(LOST, "id", jobs={"earlier": "s3://bucket/earlier"})
    assert world.submitter.submit(REQUEST) == "id"
    assert world.account.calls == ["SubmitJob", "ListJobs", "SubmitJob"]


def test_what_never_arrived_is_sent_again_without_a_look() -> None:
    world = World(UNREACHED, UNREACHED, "id")
    assert world.submitter.submit(REQUEST) == "id"
    assert world.account.calls == ["SubmitJob"] * 3
    assert world.submitter.list_doubts() == []
    assert world.pauses == [3.0, 5.0]


def test_it_goes_on_for_as_long_as_the_run_lives() -> None:
    world = World(*[LOST] * 300, "id")
    assert world.submitter.submit(REQUEST) == "id"
    assert max(world.pauses) <= 20


def test_a_refusal_is_final() -> None:
    world = World(REFUSED)
    with pytest.raises(AwsError, match="refuses"):
        world.submitter.submit(REQUEST)
    assert world.account.calls == ["SubmitJob"]


def test_a_stopped_run_submits_nothing() -> None:
    world = World("id")
    world.stop()
    assert world.submitter.submit(REQUEST) is None
    assert world.account.calls == []


def test_a_run_stopped_meanwhile_leaves_the_doubt() -> None:
    world = World(LOST)
    world.account.on_call = world.stop
    assert world.submitter.submit(REQUEST) is None
    assert world.submitter.list_doubts() == [SUBMISSION]
    world.account.jobs = {"id": "s3://bucket/spec"}
    assert world.submitter.find_accepted(SUBMISSION, "cancel") == ["id"]
