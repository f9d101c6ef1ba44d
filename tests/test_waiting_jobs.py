"""Jobs that are RUNNABLE: the user is told why, and those that waited too long are ended."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from head_world import CONTEXT, DESCRIPTION, make_planner, make_ports
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE
from snakemake_executor_plugin_batchx.batch.reasons import WAITED
from snakemake_executor_plugin_batchx.batch.state import (
    Attempt,
    ContainerEnd,
    JobState,
    interpret_job,
)
from snakemake_executor_plugin_batchx.batch.watcher import ArrayCounts, Poll, make_child_id
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.inflight import Outcome
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.recovery import LeftJobs, read_left_jobs
from snakemake_executor_plugin_batchx.status.teller import Status
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

LIMIT_SECONDS = 3600
DENIED = AwsError("AWS refuses it.", "AccessDenied", is_transient=False)
DISABLED = "The queue's compute environments are DISABLED: enable ce: "


class Batch:
    """Jobs and their details by id, on a queue whose compute environment is DISABLED."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.submitted: list[dict[str, Any]] = []
        self.ended: list[tuple[list[str], str]] = []
        self.cancelled: list[list[str]] = []
        self.calls: list[str] = []
        self.denied: dict[str, AwsError] = {}

    def set(self, job_id: str, status: str, attempts: int = 0, reason: str = "") -> None:
        each = {"container": {"exitCode": 1}}
        self.jobs[job_id] = {
            "jobId": job_id,
            "status": status,
            "statusReason": reason,
            "attempts": [each] * attempts,
        }

    def submit_job(self, request: dict[str, Any]) -> str:
        self.submitted.append(request)
        return f"job-{len(self.submitted)}"

    def terminate_jobs(self, job_ids: Sequence[str], reason: str) -> list[str]:
        self.ended.append((list(job_ids), reason))
        return []

    def cancel_jobs(self, job_ids: Sequence[str], reason: str) -> dict[str, str]:
        """As Batch does: what is RUNNABLE has FAILED, all else goes on."""
        self.calls.append("cancel_jobs")
        if "cancel_jobs" in self.denied:
            return dict.fromkeys(job_ids, str(self.denied["cancel_jobs"]))
        self.cancelled.append(list(job_ids))
        for job_id in job_ids:
            if self.jobs[job_id]["status"] == "RUNNABLE":
                self.jobs[job_id] |= {"status": "FAILED", "statusReason": f"Cancelled: {reason}"}
        return {}

    def _take(self, call: str) -> None:
        self.calls.append(call)
        if call in self.denied:
            raise self.denied[call]

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        self._take("describe_jobs")
        return [self.jobs[job_id] for job_id in job_ids]

    def list_children(self, parent: str, status: str) -> list[dict[str, Any]]:
        self._take("list_children")
        ours = (job for job in self.jobs.values() if job["jobId"].startswith(f"{parent}:"))
        return [job for job in ours if job["status"] == status]

    def describe_queues(self, _queues: Sequence[str], _patience: Any) -> list[dict[str, Any]]:
        return [{"computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "arn"}]}]

    def describe_compute_environments(self, *_: Any) -> list[dict[str, Any]]:
        names = {"computeEnvironmentArn": "arn", "computeEnvironmentName": "ce"}
        return [{**names, "state": "DISABLED", "status": "VALID"}]

    def get_queue_snapshot(self, _queue: str) -> dict[str, Any]:
        return {}


def find_nothing(key: str) -> None:
    raise StorageError(f"There is no {key}.", "NoSuchKey")


class Watcher:
    def __init__(self) -> None:
        self.watched: list[str] = []
        self.polls: list[Poll] = []
        self.summaries: dict[str, Any] = {}

    def watch(self, job_ids: Sequence[str]) -> None:
        self.watched += job_ids

    def describe_untold(self) -> list[JobState]:
        return []

    def poll_if_due(self) -> Poll:
        return self.polls.pop(0) if self.polls else Poll()


class World:
    """A conductor on a simulated clock, with AWS's pace."""

    def __init__(self, folder: Path, ports: dict[str, Any] | None = None, **options: Any) -> None:
        self.time, self.batch, self.watcher = SimulatedTime(), Batch(), Watcher()
        self.journal = folder / "run.jsonl"
        self.warned: list[str] = []
        self.said: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self.ports = make_ports(
            folder,
            self.batch,
            watcher=self.watcher,
            fetcher=SimpleNamespace(fetch_results=lambda _: {}, fetch_result=find_nothing),
            clock=self.time.clock,
            log=SimpleNamespace(info=self.said.append, warning=self.warned.append, debug=print),
            **(ports or {}),
        )
        planner = make_planner(**{"runnable_timeout": LIMIT_SECONDS, **options})
        pace = dataclasses.replace(AWS_PACE, quiet_seconds=0.0)
        self.known: Platform | None = None
        context = dataclasses.replace(
            CONTEXT, planner=planner, pace=pace, find_known=lambda _queue: self.known
        )
        self.conductor = Conductor(context, self.ports)

    def hand_over(self, count: int = 1) -> None:
        with self.conductor.open_portion():
            for _ in range(count):
                self.conductor.hand_over(DESCRIPTION)
        self.run_until(lambda: len(self.watcher.watched) >= count)

    def look(self, *job_ids: str, arrays: tuple[ArrayCounts, ...] = ()) -> None:
        """Have the head see how jobs are now, and do what it begins then."""
        states = tuple(interpret_job(self.batch.jobs[job_id]) for job_id in job_ids)
        self.watcher.polls.append(Poll(states, (), arrays))
        self.conductor.tick()

    def run_until(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not is_there():
            assert time.monotonic() < deadline
            self.conductor.tick()
            self.outcomes |= self.conductor.take_outcomes()
            time.sleep(0.001)

    def close(self) -> None:
        self.conductor.close()
        self.outcomes |= self.conductor.take_outcomes()

    def list_events(self, kind: str) -> list[dict[str, Any]]:
        events = map(json.loads, self.journal.read_text().splitlines())
        return [event for event in events if event["event"] == kind]


def start(folder: Path, **options: Any) -> World:
    """Return a world with one job that is RUNNABLE."""
    world = World(folder, array=False, **options)
    world.hand_over()
    world.batch.set("job-1", "RUNNABLE")
    world.look("job-1")
    return world


def end_overdue(world: World) -> None:
    """Let a job wait for as long as it may, and have Batch asked to end it."""
    world.time.sleep(LIMIT_SECONDS)
    world.look("job-1")
    world.run_until(lambda: bool(world.batch.cancelled))


def test_a_job_that_waited_too_long_is_ended_and_told_why(tmp_path: Path) -> None:
    world = start(tmp_path)
    end_overdue(world)
    world.look("job-1")
    world.run_until(lambda: bool(world.outcomes))
    (outcome,) = world.outcomes.values()
    message = outcome.message or ""
    assert message.startswith(
        "Batch job job-1 failed: it was RUNNABLE on queue queue for 1 h, longer than "
        "batchx_runnable_timeout (--batchx-runnable-timeout) lets it wait.\n" + DISABLED
    )
    (verdict,) = world.list_events("verdict")
    assert verdict["kind"] == "waiting"
    assert f"failed: {verdict['sentence']}.\n" in message
    world.close()
    assert [each["batch_job_ids"] for each in world.list_events("waited")] == [["job-1"]]
    assert world.batch.cancelled == [["job-1"]]
    assert world.batch.ended == []


def test_a_job_that_begins_at_the_last_moment_goes_on(tmp_path: Path) -> None:
    """Batch is asked to end it, and lets it run."""
    world = start(tmp_path)
    runnable = interpret_job(world.batch.jobs["job-1"])
    world.batch.set("job-1", "RUNNING")
    world.time.sleep(LIMIT_SECONDS)
    world.watcher.polls.append(Poll((runnable,)))
    world.run_until(lambda: bool(world.batch.cancelled))
    world.look("job-1")
    world.batch.set("job-1", "SUCCEEDED")
    world.look("job-1")
    world.run_until(lambda: bool(world.outcomes))
    assert world.outcomes == {"000001": Outcome(None, "job-1")}
    assert world.batch.ended == []
    world.close()


def test_a_job_that_began_and_failed_itself_has_not_waited_too_long(tmp_path: Path) -> None:
    world = start(tmp_path)
    end_overdue(world)
    world.batch.set("job-1", "FAILED", attempts=1, reason=WAITED)
    world.look("job-1")
    world.run_until(lambda: bool(world.outcomes))
    (verdict,) = world.list_events("verdict")
    assert (verdict["kind"], verdict["batch_job_id"]) == ("tool", "job-1")
    world.close()


def test_a_job_that_cannot_be_ended_waits_on_and_is_tried_again_later(tmp_path: Path) -> None:
    world = start(tmp_path, fallback_queue="on-demand")
    world.batch.denied["cancel_jobs"] = AwsError(
        "AWS refuses it.", "AccessDenied", is_transient=False
    )
    world.time.sleep(LIMIT_SECONDS)
    for _ in range(3):
        tried = world.batch.calls.count("cancel_jobs")
        world.look("job-1")
        world.run_until(lambda tried=tried: world.batch.calls.count("cancel_jobs") > tried)
        world.look("job-1")
        world.time.sleep(AWS_PACE.explain_again_seconds)
    assert world.batch.calls.count("cancel_jobs") == 3
    told = [line for line in world.warned if "could not be ended" in line]
    assert told == [
        "batchx: Jobs that have waited for longer than batchx_runnable_timeout could not be ended: "
        "AWS refuses it."
    ]
    assert world.outcomes == {}
    assert len(world.batch.submitted) == 1
    assert world.list_events("waited") == []
    # It has its place after all.
    world.batch.set("job-1", "SUCCEEDED")
    world.look("job-1")
    world.run_until(lambda: bool(world.outcomes))
    assert world.outcomes == {"000001": Outcome(None, "job-1")}
    world.close()


@pytest.mark.parametrize("fallback_queue", [None, "on-demand"])
def test_once_a_run_is_cancelled_a_job_that_waited_too_long_is_left_for_the_next(
    tmp_path: Path, fallback_queue: str | None
) -> None:
    world = start(tmp_path, fallback_queue=fallback_queue)
    end_overdue(world)
    world.conductor.cancel()
    world.look("job-1")
    world.close()
    assert world.outcomes == {}
    assert world.list_events("verdict") == world.list_events("fallback") == []
    assert world.conductor.has_unreported
    assert len(world.batch.submitted) == 1


@pytest.mark.parametrize("is_ended_by_first", [True, False])
def test_a_job_that_was_taken_up_is_done_anew_unless_it_waited_too_long_for_this_run(
    tmp_path: Path, is_ended_by_first: bool
) -> None:
    """The head of the first run was killed, in one case after it had asked Batch to end the job."""
    first = start(tmp_path)
    first.conductor.cancel()
    (tmp_path / "second").mkdir()
    left = LeftJobs(read_left_jobs([first.journal]))
    world = World(tmp_path / "second", {"left": left, "store": first.ports.store}, array=False)
    world.hand_over()
    assert world.watcher.watched == ["job-1"]
    world.batch.set("job-1", "RUNNABLE")
    world.look("job-1")
    if is_ended_by_first:
        world.batch.set("job-1", "FAILED", reason=WAITED)
        world.look("job-1")
        world.run_until(lambda: len(world.watcher.watched) == 2)
        assert world.outcomes == {}
    else:
        end_overdue(world)
        world.look("job-1")
        world.run_until(lambda: bool(world.outcomes))
        assert [event["kind"] for event in world.list_events("verdict")] == ["waiting"]
    world.close()
    first.close()


def test_a_bug_in_what_is_no_jobs_own_is_told_once(tmp_path: Path) -> None:
    world = start(tmp_path)
    world.batch.cancel_jobs = lambda *_: 1 / 0  # type: ignore[assignment,return-value]
    world.time.sleep(LIMIT_SECONDS)
    for _ in range(2):
        world.look("job-1")
        world.time.sleep(AWS_PACE.explain_again_seconds)
    world.run_until(lambda: any("ZeroDivisionError" in line for line in world.warned))
    world.close()
    assert len([line for line in world.warned if "ZeroDivisionError" in line]) == 1


def test_a_job_that_waits_is_told_of_and_left_alone_by_default(tmp_path: Path) -> None:
    world = start(tmp_path, runnable_timeout=None)
    world.time.sleep(100 * LIMIT_SECONDS)
    world.look("job-1")
    world.run_until(lambda: bool(world.warned))
    (warning,) = world.warned
    assert warning.startswith("batchx: Rule one has been RUNNABLE for 4 d 4 h on queue queue. The ")
    assert DISABLED in warning
    assert world.batch.ended == []
    assert world.batch.calls == []
    world.close()


def test_the_sizes_of_instances_are_those_that_are_known(tmp_path: Path) -> None:
    world = start(tmp_path, runnable_timeout=None)
    world.known = Platform("queue", instance_sizes=(InstanceSize("t4g.nano", 2, 512),))
    world.time.sleep(AWS_PACE.explain_seconds)
    world.look("job-1")
    world.run_until(lambda: bool(world.warned))
    assert "but the largest instance type of queue queue is t4g.nano" in world.warned[0]
    world.close()


def test_a_wait_is_shown_once_it_is_time_to_explain_it(tmp_path: Path) -> None:
    world = start(tmp_path, runnable_timeout=None)
    world.time.sleep(AWS_PACE.explain_seconds - 1)
    assert world.conductor.tell_status() == Status("batchx: 1 waiting", "batchx: 1 waiting")
    world.time.sleep(1)
    assert world.conductor.tell_status() == Status(
        "batchx: 1 waiting (RUNNABLE 2 min)", "batchx: 1 waiting (RUNNABLE)"
    )
    world.close()


def test_just_before_its_time_is_over_a_job_is_left_alone(tmp_path: Path) -> None:
    world = start(tmp_path)
    world.time.sleep(LIMIT_SECONDS - 1)
    world.look("job-1")
    world.close()
    assert world.batch.calls == []
    assert world.batch.ended == [(["job-1"], "The Snakemake run has ended.")]


@pytest.mark.parametrize("is_seen_running", [True, False])
def test_a_job_that_was_started_in_between_waits_anew(
    tmp_path: Path, is_seen_running: bool
) -> None:
    world = start(tmp_path)
    world.time.sleep(LIMIT_SECONDS - 10)
    if is_seen_running:
        world.batch.set("job-1", "RUNNING")
        world.look("job-1")
    world.batch.set("job-1", "RUNNABLE", attempts=1)
    world.look("job-1")
    world.time.sleep(LIMIT_SECONDS - 10)
    world.look("job-1")
    assert world.batch.calls == []
    world.close()


def test_a_job_with_another_queue_goes_there(tmp_path: Path) -> None:
    world = start(tmp_path, fallback_queue="on-demand")
    end_overdue(world)
    world.look("job-1")
    world.run_until(lambda: len(world.watcher.watched) == 2)
    assert world.batch.ended == []
    assert [each["jobQueue"] for each in world.batch.submitted] == ["queue", "on-demand"]
    assert world.outcomes == {}
    assert any(
        line == "batchx: Rule one: Batch job job-1 was RUNNABLE for longer than "
        "batchx_runnable_timeout lets it, so it goes to its fallback queue."
        for line in world.said
    )
    # What becomes of the first is nobody's matter any more.
    world.batch.set("job-1", "FAILED")
    world.batch.set("job-2", "SUCCEEDED")
    world.look("job-1", "job-2")
    world.run_until(lambda: bool(world.outcomes))
    assert world.outcomes == {"000001": Outcome(None, "job-2")}
    world.close()


SIZE = 150


def start_array(folder: Path) -> World:
    """Return a world with a large array, job-1, whose children are RUNNABLE."""
    world = World(folder)
    world.hand_over(SIZE)
    assert len(world.batch.submitted) == 1
    for index in range(SIZE):
        world.batch.set(make_child_id("job-1", index), "RUNNABLE")
    return world


def count(world: World) -> ArrayCounts:
    statuses = [job["status"] for job in world.batch.jobs.values()]
    return ArrayCounts("job-1", Counter(statuses))


def test_of_a_large_array_those_children_are_ended_that_never_began(tmp_path: Path) -> None:
    world = start_array(tmp_path)
    world.look("job-1:0", arrays=(count(world),))
    world.time.sleep(LIMIT_SECONDS)
    for index in range(100):
        world.batch.set(make_child_id("job-1", index), "RUNNING")
    # Its host was lost a moment ago: it has not waited for long.
    world.batch.set("job-1:149", "RUNNABLE", attempts=1)
    world.look("job-1:100", arrays=(count(world),))
    world.run_until(lambda: bool(world.batch.cancelled))
    (ended,) = world.batch.cancelled
    assert ended == [make_child_id("job-1", index) for index in range(100, 149)]
    assert world.batch.calls == ["list_children", "describe_jobs", "cancel_jobs"]
    world.look(*ended, arrays=(count(world),))
    world.run_until(lambda: len(world.outcomes) == 49)
    # It had its time, too.
    world.time.sleep(LIMIT_SECONDS)
    world.look("job-1:149", arrays=(count(world),))
    world.run_until(lambda: len(world.batch.cancelled) == 2)
    world.look("job-1:149", arrays=(count(world),))
    world.run_until(lambda: len(world.outcomes) == 50)
    assert world.batch.cancelled[1] == ["job-1:149"]
    world.close()


@pytest.mark.parametrize("call", ["list_children", "describe_jobs"])
def test_what_could_not_be_asked_is_told_once_and_asked_again_later(
    tmp_path: Path, call: str
) -> None:
    world = start_array(tmp_path)
    world.look("job-1:0", arrays=(count(world),))
    world.batch.denied[call] = DENIED
    world.time.sleep(LIMIT_SECONDS)
    for number in range(1, 4):
        world.look("job-1:0", arrays=(count(world),))
        world.look("job-1:0", arrays=(count(world),))
        world.run_until(lambda number=number: world.batch.calls.count(call) == number)
        world.time.sleep(AWS_PACE.explain_again_seconds)
    told = [line for line in world.warned if line.endswith("could not be ended: AWS refuses it.")]
    assert len(told) == 1
    world.batch.denied.clear()
    world.look("job-1:0", arrays=(count(world),))
    world.run_until(lambda: bool(world.batch.cancelled))
    assert len(world.batch.cancelled[0]) == SIZE
    world.close()
    assert world.batch.calls.count(call) == 4


def test_an_array_waits_once_all_its_children_can(tmp_path: Path) -> None:
    world = start_array(tmp_path)
    world.batch.set("job-1:149", "PENDING")
    world.look("job-1:0", arrays=(count(world),))
    world.time.sleep(LIMIT_SECONDS)
    world.batch.set("job-1:149", "RUNNABLE")
    world.look("job-1:0", arrays=(count(world),))
    assert world.batch.calls == []
    for index in range(SIZE):
        world.batch.set(make_child_id("job-1", index), "RUNNING")
    world.time.sleep(LIMIT_SECONDS)
    world.look("job-1:0", arrays=(count(world),))
    world.close()
    assert world.batch.calls == []


def test_states_of_jobs_that_nobody_knows_do_no_harm(tmp_path: Path) -> None:
    world = start(tmp_path)
    attempts = (Attempt((ContainerEnd(""),)),)
    states = [JobState("strange", status, "", attempts) for status in ("RUNNABLE", "FAILED")]
    for state in states:
        world.watcher.polls.append(
            Poll((state,), ("lost",), (ArrayCounts("other", {"RUNNABLE": 3}),))
        )
        world.conductor.tick()
    world.close()
    assert world.outcomes == {}
