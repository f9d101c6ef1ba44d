"""States, dependencies, arrays, cancelling and terminating, in memory."""

from __future__ import annotations

import pytest
from batch_world import World

from snakemake_executor_plugin_batchx.local.errors import ClientError, ServerError
from snakemake_executor_plugin_batchx.local.jobs import JobState


def test_a_job_passes_through_its_states(world: World) -> None:
    request = {"jobName": "job", "jobQueue": "queue", "jobDefinition": "tool"}
    job_id = world.call("SubmitJob", **request)["jobId"]
    seen = [world.status(job_id)]
    world.advance()
    seen.append(world.status(job_id))
    world.begin(job_id)
    seen.append(world.status(job_id))
    world.end(job_id)
    assert [*seen, world.status(job_id)] == ["SUBMITTED", "STARTING", "RUNNING", "SUCCEEDED"]


def test_an_attempt_is_described_with_times_exit_code_and_stream(world: World) -> None:
    job_id = world.submit()
    world.advance(1)
    world.begin(job_id)
    world.advance(2)
    world.end(job_id, 3, "some reason")
    job = world.describe(job_id)
    (attempt,) = job["attempts"]
    assert attempt["startedAt"] - job["createdAt"] == 1000
    assert attempt["stoppedAt"] - attempt["startedAt"] == 2000
    assert attempt["statusReason"] == job["statusReason"] == "Essential container in task exited"
    container = attempt["container"]
    assert (container["exitCode"], container["reason"]) == (3, "some reason")
    task_id = container["taskArn"].rpartition("/")[2]
    assert container["logStreamName"] == f"tool/default/{task_id}"
    assert job["container"]["exitCode"] == 3


def test_a_running_job_has_no_attempt_yet(world: World) -> None:
    job_id = world.submit()
    world.begin(job_id)
    job = world.describe(job_id)
    assert job["attempts"] == []
    assert job["container"]["logStreamName"].startswith("tool/default/")
    assert "stoppedAt" not in job


def test_a_container_that_cannot_start_has_a_reason_and_no_exit_code(world: World) -> None:
    job_id = world.submit()
    world.end(job_id, None, "CannotStartContainerError: …")
    job = world.describe(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    assert "exitCode" not in job["attempts"][0]["container"]
    assert "logStreamName" not in job["attempts"][0]["container"]
    assert "startedAt" not in job["attempts"][0]


def test_a_report_of_an_unknown_attempt_is_an_error(world: World) -> None:
    with pytest.raises(ServerError):
        world.batch.report_started("none#1")


def test_jobs_wait_for_their_dependencies(world: World) -> None:
    first = world.submit()
    second = world.submit(dependsOn=[{"jobId": first}])
    assert world.status(second) == "PENDING"
    world.run(first)
    assert world.status(second) == "STARTING"


def test_a_failed_dependency_fails_its_dependents_in_turn(world: World) -> None:
    first = world.submit()
    second = world.submit(dependsOn=[{"jobId": first}])
    third = world.submit(dependsOn=[{"jobId": second}])
    world.run(first, exit_code=1)
    for job_id in (second, third):
        job = world.describe(job_id)
        assert (job["status"], job["statusReason"]) == ("FAILED", "Dependent Job failed")


def test_a_dependency_may_be_over_already(world: World) -> None:
    first = world.submit()
    world.run(first)
    assert world.status(world.submit(dependsOn=[{"jobId": first}])) == "STARTING"


@pytest.mark.parametrize(
    ("dependency", "size", "words"),
    [
        ({"jobId": "none"}, None, "not found"),
        ({}, None, "must have a jobId"),
        ({"type": "SEQUENTIAL"}, None, "for array jobs only"),
        ({"type": "SEQUENTIAL", "jobId": "none"}, 2, "takes no jobId"),
        ({"type": "N_TO_N"}, 2, "must have a jobId"),
    ],
)
def test_dependencies_that_make_no_sense_are_refused(
    world: World, dependency: dict[str, str], size: int | None, words: str
) -> None:
    array = {} if size is None else {"arrayProperties": {"size": size}}
    with pytest.raises(ClientError, match=words):
        world.submit(dependsOn=[dependency], **array)


def test_n_to_n_demands_equal_sizes(world: World) -> None:
    parent = world.submit_array(2)
    with pytest.raises(ClientError, match="same size"):
        world.submit_array(3, dependsOn=[{"jobId": parent, "type": "N_TO_N"}])


def test_an_array_parent_is_pending_until_its_children_end(world: World) -> None:
    parent = world.submit_array(3)
    assert world.status(parent) == "PENDING"
    summary = world.describe(parent)["arrayProperties"]
    assert (summary["size"], summary["statusSummary"]["STARTING"]) == (3, 3)
    for index in range(3):
        assert world.status(parent) == "PENDING"
        world.run(f"{parent}:{index}")
    job = world.describe(parent)
    assert (job["status"], job["arrayProperties"]["statusSummary"]["SUCCEEDED"]) == ("SUCCEEDED", 3)


def test_an_array_fails_once_all_children_ended_if_one_failed(world: World) -> None:
    parent = world.submit_array(2)
    world.run(f"{parent}:0", exit_code=1)
    assert world.status(parent) == "PENDING"
    world.run(f"{parent}:1")
    job = world.describe(parent)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")


def test_children_know_their_index(world: World) -> None:
    parent = world.submit_array(2)
    assert world.describe(f"{parent}:1")["arrayProperties"] == {"index": 1}
    environment = world.find_start(f"{parent}:1").containers[0].environment
    assert environment["AWS_BATCH_JOB_ARRAY_INDEX"] == "1"
    assert environment["AWS_BATCH_JOB_ARRAY_SIZE"] == "2"
    assert environment["AWS_BATCH_JOB_ID"] == f"{parent}:1"


def test_sequential_children_run_one_after_the_other(world: World) -> None:
    parent = world.submit_array(3, dependsOn=[{"type": "SEQUENTIAL"}])
    states = [world.status(f"{parent}:{index}") for index in range(3)]
    assert states == ["STARTING", "PENDING", "PENDING"]
    world.run(f"{parent}:0")
    assert world.status(f"{parent}:1") == "STARTING"
    world.run(f"{parent}:1", exit_code=1)
    assert world.describe(f"{parent}:2")["statusReason"] == "Dependent Job failed"
    assert world.status(parent) == "FAILED"


def test_n_to_n_children_wait_for_their_partners(world: World) -> None:
    first = world.submit_array(2)
    second = world.submit_array(2, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    world.run(f"{first}:1")
    assert [world.status(f"{second}:{i}") for i in (0, 1)] == ["PENDING", "STARTING"]


def test_a_plain_dependency_on_an_array_waits_for_all_of_it(world: World) -> None:
    first = world.submit_array(2)
    second = world.submit(dependsOn=[{"jobId": first}])
    world.run(f"{first}:0")
    assert world.status(second) == "PENDING"
    world.run(f"{first}:1")
    assert world.status(second) == "STARTING"


def test_a_long_sequence_fails_without_deep_recursion(world: World) -> None:
    parent = world.submit_array(5000, dependsOn=[{"type": "SEQUENTIAL"}])
    world.run(f"{parent}:0", exit_code=1)
    assert world.describe(parent)["arrayProperties"]["statusSummary"]["FAILED"] == 5000


def occupy(world: World) -> str:
    """Starts a job that leaves no place for others."""
    resources = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "100"}]
    job_id = world.submit(containerOverrides={"resourceRequirements": resources})
    world.begin(job_id)
    return job_id


@pytest.mark.parametrize("operation", ["CancelJob", "TerminateJob"])
def test_a_runnable_job_ends_at_once(world: World, operation: str) -> None:
    occupy(world)
    job_id = world.submit()
    assert world.status(job_id) == "RUNNABLE"
    world.call(operation, jobId=job_id, reason="not needed")
    job = world.describe(job_id)
    assert (job["status"], job["statusReason"], job["attempts"]) == ("FAILED", "not needed", [])
    assert job["isCancelled"] is (operation == "CancelJob")


@pytest.mark.parametrize("is_begun", [False, True])
def test_cancel_does_nothing_to_what_starts_or_runs(world: World, is_begun: bool) -> None:
    job_id = world.submit()
    if is_begun:
        world.begin(job_id)
    world.call("CancelJob", jobId=job_id, reason="too late")
    world.advance()
    assert world.list_stopped() == []
    assert world.describe(job_id)["isCancelled"] is False


def test_terminate_stops_then_kills_after_the_grace(world: World) -> None:
    job_id = world.submit()
    attempt_id = world.begin(job_id)
    world.call("TerminateJob", jobId=job_id, reason="enough")
    world.advance()
    assert world.list_stopped() == [attempt_id]
    assert (world.status(job_id), world.describe(job_id)["isTerminated"]) == ("RUNNING", True)
    world.advance(29.9)
    assert world.list_killed() == []
    world.advance(0.1)
    assert world.list_killed() == [attempt_id]
    world.end(job_id, 137)
    job = world.describe(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "enough")
    assert job["attempts"][0]["statusReason"] == "Essential container in task exited"


def test_a_terminated_job_fails_whatever_its_exit_code_and_is_not_retried(world: World) -> None:
    job_id = world.submit(retryStrategy={"attempts": 3})
    world.begin(job_id)
    world.call("TerminateJob", jobId=job_id, reason="first")
    world.call("TerminateJob", jobId=job_id, reason="second")
    world.advance()
    world.end(job_id, 0)
    assert (world.status(job_id), world.describe(job_id)["statusReason"]) == ("FAILED", "first")
    assert len(world.list_stopped()) == 1


def test_a_pending_job_is_cancelled_once_its_dependencies_are_done(world: World) -> None:
    first = world.submit()
    second = world.submit(dependsOn=[{"jobId": first}])
    world.call("CancelJob", jobId=second, reason="changed my mind")
    world.advance()
    assert (world.status(second), world.describe(second)["isCancelled"]) == ("PENDING", True)
    world.run(first)
    assert world.describe(second)["statusReason"] == "changed my mind"


def test_terminating_an_array_ends_all_its_children(world: World) -> None:
    parent = world.submit_array(6)
    running = [f"{parent}:{index}" for index in range(4)]
    for job_id in running:
        world.begin(job_id)
    world.call("TerminateJob", jobId=parent, reason="stop it all")
    world.advance()
    assert len(world.list_stopped()) == 4
    assert [world.status(f"{parent}:{i}") for i in (4, 5)] == ["FAILED", "FAILED"]
    assert world.status(parent) == "PENDING"
    for job_id in running:
        world.end(job_id, 143)
    assert world.describe(parent)["statusReason"] == "stop it all"


def test_terminating_a_child_ends_it_alone(world: World) -> None:
    parent = world.submit_array(2)
    for index in range(2):
        world.begin(f"{parent}:{index}")
    world.call("TerminateJob", jobId=f"{parent}:0", reason="only this")
    world.advance()
    assert world.list_stopped() == [f"{parent}:0#1"]
    assert world.status(f"{parent}:1") == "RUNNING"


def test_cancelling_an_array_lets_running_children_run(world: World) -> None:
    parent = world.submit_array(6)
    world.call("CancelJob", jobId=parent, reason="no more")
    for index in range(4):
        world.run(f"{parent}:{index}")
    states = [world.status(f"{parent}:{index}") for index in range(6)]
    assert states == ["SUCCEEDED"] * 4 + ["FAILED"] * 2
    assert world.describe(parent)["statusReason"] == "no more"


@pytest.mark.parametrize("operation", ["CancelJobs", "TerminateJobs"])
def test_bulk_ends_take_unknown_ids_for_done(world: World, operation: str) -> None:
    occupy(world)
    job_ids = [world.submit(), world.submit(), "unknown"]
    answer = world.call(operation, jobs=job_ids, reason="all of them")
    assert answer == {"successful": job_ids, "errors": []}
    assert [world.status(job_id) for job_id in job_ids[:2]] == ["FAILED", "FAILED"]


def test_ending_an_ended_or_unknown_job_succeeds_and_does_nothing(world: World) -> None:
    job_id = world.submit()
    world.run(job_id)
    world.call("TerminateJob", jobId=job_id, reason="late")
    world.call("TerminateJob", jobId="unknown", reason="late")
    assert world.describe(job_id)["isTerminated"] is False


def test_a_timeout_counts_from_the_start_and_is_never_retried(world: World) -> None:
    job_id = world.submit(timeout={"attemptDurationSeconds": 60}, retryStrategy={"attempts": 3})
    world.advance(1000)
    attempt_id = world.begin(job_id)
    world.advance(59.9)
    assert world.list_stopped() == []
    world.advance(0.1)
    assert world.list_stopped() == [attempt_id]
    world.advance(30)
    assert world.list_killed() == [attempt_id]
    world.end(job_id, 137)
    job = world.describe(job_id)
    assert (job["status"], len(job["attempts"])) == ("FAILED", 1)
    assert job["statusReason"] == "Job attempt duration exceeded timeout"


def test_an_ended_attempts_deadlines_are_forgotten(world: World) -> None:
    job_id = world.submit(timeout={"attemptDurationSeconds": 60})
    world.run(job_id)
    world.advance(1000)
    assert world.list_stopped() == []


def test_the_definitions_timeout_holds_unless_the_job_has_its_own(world: World) -> None:
    world.call(
        "RegisterJobDefinition",
        jobDefinitionName="limited",
        type="container",
        containerProperties=world.batch.definitions.by_name["tool"][0].request[
            "containerProperties"
        ],
        timeout={"attemptDurationSeconds": 60},
    )
    own = world.submit(jobDefinition="limited", timeout={"attemptDurationSeconds": 90})
    inherited = world.submit(jobDefinition="limited")
    assert world.describe(own)["timeout"] == {"attemptDurationSeconds": 90}
    assert world.describe(inherited)["timeout"] == {"attemptDurationSeconds": 60}


def test_a_state_cannot_be_left_for_one_before_it(world: World) -> None:
    job_id = world.submit()
    world.run(job_id)
    job = world.batch.store.find(job_id)
    assert job is not None
    with pytest.raises(ServerError, match="cannot go from SUCCEEDED to RUNNING"):
        job.move_to(JobState.RUNNING)
