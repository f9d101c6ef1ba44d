"""`batchx jobs` against the embedded Batch."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.cli import main
from snakemake_executor_plugin_batchx.cli.jobs import format_age
from snakemake_executor_plugin_batchx.journal import STATE_DIR, Journal
from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
)

NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
RUN_NUMBERS = itertools.count(1)


@dataclass
class Queue:
    """A queue with jobs of runs whose names no other test uses; `call` runs the command."""

    aws: EmbeddedAws
    batch: Any
    capsys: pytest.CaptureFixture[str]

    def make_run_id(self) -> str:
        return f"20261121T000000-{next(RUN_NUMBERS):06x}"

    def submit(self, run_id: str | None, name: str = "bx-one-1", **members: Any) -> str:
        tags = {"batchx:run": run_id} if run_id else {}
        request = {"jobName": name, "jobQueue": self.aws.job_queue, "jobDefinition": "sleep"}
        job_id: str = self.batch.submit_job(**request, tags=tags, **members)["jobId"]
        return job_id

    def submit_elsewhere(self, run_id: str) -> tuple[str, str]:
        """Submit a job to a queue of its own; return its id, and the queue's name."""
        name = f"other-{run_id}"
        (own,) = self.batch.describe_job_queues(jobQueues=[self.aws.job_queue])["jobQueues"]
        order = own["computeEnvironmentOrder"]
        self.batch.create_job_queue(
            jobQueueName=name, priority=1, computeEnvironmentOrder=order, state="ENABLED"
        )
        tags = {"batchx:run": run_id}
        request = {"jobName": "bx-one-1", "jobQueue": name, "jobDefinition": "sleep"}
        job_id: str = self.batch.submit_job(**request, tags=tags)["jobId"]
        return job_id, name

    def wait_for_end(self, job_id: str) -> None:
        """End a job, and wait until it has ended."""
        self.batch.terminate_job(jobId=job_id, reason="no")
        deadline = time.monotonic() + 60
        while self.batch.describe_jobs(jobs=[job_id])["jobs"][0]["status"] != "FAILED":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def is_ended_by_sweep(self, job_id: str) -> bool:
        (job,) = self.batch.describe_jobs(jobs=[job_id])["jobs"]
        return bool(job["isTerminated"])

    def call(self, *args: str) -> tuple[int, str, str]:
        exit_code = main(["jobs", *args])
        said = self.capsys.readouterr()
        return exit_code, said.out, said.err


@pytest.fixture
def queue(
    aws: EmbeddedAws,
    batch: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Queue:
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", aws.job_queue)
    container = {"image": "busybox", "command": ["sleep", "600"], "resourceRequirements": NEEDS}
    batch.register_job_definition(
        jobDefinitionName="sleep", type="container", containerProperties=container
    )
    return Queue(aws, batch, capsys)


def write_journal(run_id: str, *events: str, queues: Sequence[str] = ()) -> None:
    """Write what a head left that sent jobs to `queues`."""
    with Journal(STATE_DIR / f"{run_id}.jsonl", lambda: 0.0) as journal:
        for event in events:
            journal.write(event)
        for queue in queues:
            journal.write("intent", queue=queue)


def test_jobs_are_listed_by_run(queue: Queue) -> None:
    first, second = queue.make_run_id(), queue.make_run_id()
    array = queue.submit(second, "bx-many-x3", arrayProperties={"size": 3})
    single = queue.submit(first)
    queue.submit(None)
    queue.submit(first, "somebody-elses")
    exit_code, out, _ = queue.call("list", "--run", first, "--run", second)
    assert exit_code == 0
    lines = out.splitlines()
    assert lines[0] == f"run {first}"
    assert lines[1].split()[0] == single
    assert lines[2] == f"run {second}"
    assert lines[3].split()[0] == array
    assert lines[3].endswith(")")
    assert len(lines) == 4

    exit_code, out, _ = queue.call("list", "--json", "--run", second)
    (record,) = json.loads(out)
    assert sum(record.pop("children").values()) == 3
    assert record.pop("age_seconds") < 60
    assert record.pop("status") in {"SUBMITTED", "PENDING"}
    assert record == {"run": second, "job_id": array, "name": "bx-many-x3"}


def test_what_has_ended_is_listed_if_wanted(queue: Queue) -> None:
    run_id = queue.make_run_id()
    queue.wait_for_end(queue.submit(run_id))
    exit_code, out, err = queue.call("list", "--run", run_id)
    assert (exit_code, out) == (0, "")
    assert f"no job of run {run_id} waits or runs on {queue.aws.job_queue}" in err
    _, out, _ = queue.call("list", "--run", run_id, "--all")
    assert "FAILED" in out


def test_a_sweep_ends_all_jobs_of_a_run_and_no_others(queue: Queue) -> None:
    mine, others = queue.make_run_id(), queue.make_run_id()
    ids = [queue.submit(mine, f"bx-one-{n}") for n in range(120)]
    ids.append(queue.submit(mine, "bx-many-x2000", arrayProperties={"size": 2000}))
    foreign = queue.submit(others)
    exit_code, out, err = queue.call("sweep", mine, "--dry-run")
    assert exit_code == 0
    assert len(out.splitlines()) == 122
    assert "121 jobs (1 of them an array) would be ended" in err
    assert not queue.is_ended_by_sweep(ids[0])

    exit_code, _, err = queue.call("sweep", mine)
    assert exit_code == 0
    assert f"121 jobs (1 of them an array) of run {mine} are being ended" in err
    assert all(map(queue.is_ended_by_sweep, [ids[0], ids[-2], ids[-1], f"{ids[-1]}:1999"]))
    assert not queue.is_ended_by_sweep(foreign)
    assert queue.call("sweep", others)[0] == 0


def test_without_a_run_those_are_swept_that_a_killed_head_left_here(queue: Queue) -> None:
    killed, ended, elsewhere = (queue.make_run_id() for _ in range(3))
    write_journal(killed, "run")
    write_journal(ended, "run", "end")
    jobs = {run_id: queue.submit(run_id) for run_id in (killed, ended, elsewhere)}
    assert queue.call("sweep")[0] == 0
    swept = {run_id for run_id, job_id in jobs.items() if queue.is_ended_by_sweep(job_id)}
    assert swept == {killed}
    assert queue.call("sweep", ended, elsewhere)[0] == 0


def test_with_nothing_to_end(queue: Queue) -> None:
    exit_code, _, err = queue.call("sweep")
    assert exit_code == 0
    assert "nothing to end" in err


def test_a_living_head_is_spared(queue: Queue) -> None:
    killed, alive = queue.make_run_id(), queue.make_run_id()
    write_journal(killed, "run")
    jobs = [queue.submit(run_id) for run_id in (killed, alive)]
    with Journal(STATE_DIR / f"{alive}.jsonl", lambda: 0.0) as journal:
        journal.write("run")
        for args in ([], [killed], [alive]):
            exit_code, _, err = queue.call("sweep", *args)
            assert exit_code == 1
            assert f"{alive} is going on in this folder" in err
        assert not any(map(queue.is_ended_by_sweep, jobs))
        assert queue.call("sweep", "--force", killed, alive)[0] == 0
    assert all(map(queue.is_ended_by_sweep, jobs))


def test_jobs_of_several_queues_are_listed_together(queue: Queue) -> None:
    run_id = queue.make_run_id()
    usual = queue.submit(run_id)
    other, name = queue.submit_elsewhere(run_id)
    found = {}
    for options in ([], [name], [queue.aws.job_queue, name]):
        named = [word for each in options for word in ("--job-queue", each)]
        _, out, _ = queue.call("list", "--json", "--run", run_id, *named)
        found[tuple(options)] = {record["job_id"] for record in json.loads(out)}
    assert list(found.values()) == [{usual}, {other}, {usual, other}]


def test_a_sweep_ends_the_jobs_that_a_run_sent_to_other_queues(queue: Queue) -> None:
    run_id = queue.make_run_id()
    usual = queue.submit(run_id)
    other, name = queue.submit_elsewhere(run_id)
    with Journal(STATE_DIR / f"{run_id}.jsonl", lambda: 0.0) as journal:
        journal.write("run", queue=queue.aws.job_queue)
        journal.write("intent", queue=name)
    exit_code, out, _ = queue.call("list", "--json", "--run", run_id)
    assert exit_code == 0
    assert {record["job_id"] for record in json.loads(out)} == {usual, other}
    assert queue.call("sweep")[0] == 0
    assert queue.is_ended_by_sweep(usual)
    assert queue.is_ended_by_sweep(other)


def test_a_queue_that_only_a_journal_names_need_not_be_there_any_more(queue: Queue) -> None:
    run_id = queue.make_run_id()
    usual = queue.submit(run_id)
    other, name = queue.submit_elsewhere(run_id)
    write_journal(run_id, "run", queues=["deleted-since", "local", name])
    exit_code, out, _ = queue.call("list", "--json", "--run", run_id)
    assert exit_code == 0
    assert {record["job_id"] for record in json.loads(out)} == {usual, other}
    assert queue.call("sweep", "--dry-run")[0] == 0
    assert queue.call("sweep")[0] == 0
    assert queue.is_ended_by_sweep(usual)
    assert queue.is_ended_by_sweep(other)


def test_where_no_queue_of_a_run_is_left_there_is_no_job_of_it(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SNAKEMAKE_BATCHX_JOB_QUEUE")
    run_id = queue.make_run_id()
    write_journal(run_id, "run", queues=["deleted-since"])
    exit_code, out, err = queue.call("list", "--run", run_id)
    assert (exit_code, out) == (0, "")
    assert err.splitlines() == [
        "batchx: queue deleted-since, to which a journal says jobs went, is not there: left out",
        f"batchx: no job of run {run_id} waits or runs",
    ]
    exit_code, _, err = queue.call("sweep", run_id)
    assert exit_code == 0
    assert f"nothing of run {run_id} is left to end\n" in err


def test_of_runs_that_nobody_knows(queue: Queue) -> None:
    place = f"on {queue.aws.job_queue}\n"
    assert queue.call("list", "--run", "nope", "--all", "--job-queue", "") == (
        *(0, ""),
        f"batchx: no job of run nope is known {place}",
    )
    assert queue.call("list", "--run", "no", "--run", "nope")[2] == (
        f"batchx: no job of runs no, nope waits or runs {place}"
    )
    for options in ([], ["--dry-run"]):
        exit_code, out, err = queue.call("sweep", "nope", *options)
        assert (exit_code, out) == (0, "")
        assert err == f"batchx: nothing of run nope is left to end {place}"


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ((0,), "1 job"),
        ((2,), "1 job (an array)"),
        ((0, 0), "2 jobs"),
        ((0, 2), "2 jobs (1 of them an array)"),
        ((0, 2, 2), "3 jobs (2 of them arrays)"),
    ],
)
def test_jobs_to_end_are_counted(queue: Queue, sizes: Sequence[int], text: str) -> None:
    run_id = queue.make_run_id()
    for size in sizes:
        queue.submit(run_id, **({"arrayProperties": {"size": size}} if size else {}))
    assert queue.call("sweep", run_id, "--dry-run")[2] == f"batchx: {text} would be ended\n"
    verb = "is" if len(sizes) == 1 else "are"
    told = queue.call("sweep", run_id)[2]
    assert told == f"batchx: {text} of run {run_id} {verb} being ended\n"


def test_a_queue_that_is_named_must_be_there_whatever_journals_name(queue: Queue) -> None:
    run_id = queue.make_run_id()
    write_journal(run_id, "run", queues=["nowhere", queue.aws.job_queue])
    exit_code, _, err = queue.call("list", "--run", run_id, "--job-queue", "nowhere")
    assert exit_code == 1
    assert "nowhere" in err


def test_a_queue_is_looked_at_once_by_whichever_names(queue: Queue) -> None:
    run_id = queue.make_run_id()
    ids = {queue.submit(run_id, f"bx-one-{n}") for n in range(3)}
    (own,) = queue.batch.describe_job_queues(jobQueues=[queue.aws.job_queue])["jobQueues"]
    arn, name = own["jobQueueArn"], own["jobQueueName"]
    write_journal(run_id, "run", queues=[name, arn])
    _, out, _ = queue.call(
        "list", "--json", "--run", run_id, "--job-queue", name, "--job-queue", arn
    )
    found = [record["job_id"] for record in json.loads(out)]
    assert len(found) == 3
    assert set(found) == ids


@pytest.mark.parametrize(
    ("name", "words"), [("", "No job queue is named"), ("local", "exists only inside a run")]
)
def test_which_queue(queue: Queue, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", name)
    exit_code, _, err = queue.call("list")
    assert exit_code == 1
    assert words in err


def test_an_unknown_queue_is_told_in_the_words_of_aws(queue: Queue) -> None:
    exit_code, _, err = queue.call("list", "--job-queue", "nowhere")
    assert exit_code == 1
    assert "nowhere" in err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (3 * 86400, "3 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert format_age(seconds) == text
