"""Who starts when: capacity, queues, fair share, and jobs that never can."""

from __future__ import annotations

from typing import Any

import pytest
from batch_world import (
    World,
    make_environment,
    make_fargate_environment,
    make_queue,
    make_resources,
)

from snakemake_executor_plugin_batchx.local.environments import HEALTHY, Health
from snakemake_executor_plugin_batchx.local.errors import ClientError

DISABLED = {"state": "DISABLED"}


def submit(world: World, vcpus: str = "1", memory: str = "100", **members: Any) -> str:
    return world.submit(
        containerOverrides={"resourceRequirements": make_resources(vcpus, memory)}, **members
    )


def list_started(world: World, *job_ids: str) -> list[bool]:
    return [world.status(job_id) != "RUNNABLE" for job_id in job_ids]


@pytest.mark.parametrize(("vcpus", "memory"), [("2", "1"), ("1", "2000")])
def test_jobs_wait_for_vcpus_and_memory(world: World, vcpus: str, memory: str) -> None:
    memory = str(max(int(memory), 4))
    jobs = [submit(world, vcpus, memory) for _ in range(3)]
    wanted = [True, True, vcpus == "1" and memory == "4"]
    assert list_started(world, *jobs) == wanted
    world.run(jobs[0])
    assert list_started(world, *jobs) == [True, True, True]


def test_a_large_job_holds_up_those_behind_it(world: World) -> None:
    first, large, small = submit(world, "2"), submit(world, "4"), submit(world, "1")
    assert list_started(world, first, large, small) == [True, False, False]
    world.run(first)
    assert list_started(world, large, small) == [True, False]


def test_a_job_larger_than_the_host_starts_when_it_is_idle(world: World) -> None:
    first, huge = submit(world), submit(world, "16", "64000")
    assert list_started(world, first, huge) == [True, False]
    world.run(first)
    assert world.status(huge) == "STARTING"
    small = submit(world)
    assert world.status(small) == "RUNNABLE"
    world.run(huge)
    assert world.status(small) == "STARTING"


def test_a_job_larger_than_all_environments_says_so_and_waits(world: World) -> None:
    huge, small = submit(world, "101"), submit(world)
    job = world.describe(huge)
    assert job["status"] == "RUNNABLE"
    assert job["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ")
    assert world.status(small) == "STARTING"
    world.call(
        "UpdateComputeEnvironment",
        computeEnvironment="environment",
        computeResources={"maxvCpus": 101},
    )
    world.run(small)
    assert world.status(huge) == "STARTING"
    assert "statusReason" not in world.describe(huge)


def test_a_job_that_wants_a_gpu_never_starts_here(world: World) -> None:
    requirements = make_resources(gpus="1")
    job_id = world.submit(containerOverrides={"resourceRequirements": requirements})
    reason = world.describe(job_id)["statusReason"]
    assert reason.startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ")
    world.call("TerminateJob", jobId=job_id, reason="no GPU here")
    assert world.describe(job_id)["statusReason"] == "no GPU here"


def test_a_queues_time_limit_cancels_what_can_never_start(world: World) -> None:
    action = {
        "reason": "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "CANCEL",
    }
    world.call("UpdateJobQueue", jobQueue="queue", jobStateTimeLimitActions=[action])
    job_id = submit(world, "101")
    assert world.batch.find_next_deadline() == world.now + 600
    world.advance(599)
    assert world.status(job_id) == "RUNNABLE"
    world.advance(1)
    assert world.describe(job_id)["statusReason"] == (
        "Canceled by JobStateTimeLimit action due to reason: "
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    )


def test_queues_of_higher_priority_are_served_first(world: World) -> None:
    world.call("CreateJobQueue", **make_queue("urgent", "environment", priority=9))
    first = submit(world, "4")
    later = submit(world, "4")
    urgent = submit(world, "4", jobQueue="urgent")
    world.run(first)
    assert list_started(world, later, urgent) == [False, True]


def test_environments_are_tried_in_order_and_only_if_enabled(world: World) -> None:
    world.call("CreateComputeEnvironment", **make_environment("small", 1))
    world.call("CreateJobQueue", **make_queue("both", "small", "environment"))
    jobs = [submit(world, jobQueue="both") for _ in range(2)]
    names = [world.find_start(j).containers[0].environment["AWS_BATCH_CE_NAME"] for j in jobs]
    assert names == ["small", "environment"]
    world.call("UpdateComputeEnvironment", computeEnvironment="environment", **DISABLED)
    third = submit(world, jobQueue="both")
    assert world.status(third) == "RUNNABLE"
    world.run(jobs[0])
    assert world.status(third) == "STARTING"


def test_an_environment_that_is_invalid_says_why_and_gets_no_jobs() -> None:
    health = Health("INVALID", "CLIENT_ERROR - no subnet")
    world = World(judge_health=lambda tags: health if "broken" in tags else HEALTHY)
    broken = make_environment("broken") | {"tags": {"broken": "yes"}}
    world.call("CreateComputeEnvironment", **broken)
    world.call("CreateJobQueue", **make_queue("bad", "broken"))
    world.call("CreateJobQueue", **make_queue("spare", "broken", "environment"))
    (told,) = world.call("DescribeComputeEnvironments", computeEnvironments=["broken"])[
        "computeEnvironments"
    ]
    assert (told["state"], told["status"]) == ("ENABLED", "INVALID")
    assert told["statusReason"] == "CLIENT_ERROR - no subnet"
    assert list_started(world, submit(world, jobQueue="bad")) == [False]
    assert list_started(world, submit(world, jobQueue="spare")) == [True]


def test_the_snapshot_shows_who_waits_in_order(world: World) -> None:
    submit(world, "4")
    waiting = [submit(world), submit(world)]
    front = world.call("GetJobQueueSnapshot", jobQueue="queue")["frontOfQueue"]
    assert [each["jobArn"].rpartition("/")[2] for each in front["jobs"]] == waiting


def test_the_snapshot_shows_jobs_that_can_never_be_placed_as_well(world: World) -> None:
    submit(world, "4")
    waiting = [submit(world), submit(world, "101"), submit(world)]
    world.advance()
    assert list_front(world, "queue") == waiting


def list_front(world: World, queue: str) -> list[str]:
    front = world.call("GetJobQueueSnapshot", jobQueue=queue)["frontOfQueue"]
    return [each["jobArn"].rpartition("/")[2] for each in front["jobs"]]


def test_the_snapshot_of_a_fair_queue_goes_by_usage_and_priority(world: World) -> None:
    make_fair_queue(world)
    fair = {"jobQueue": "fair"}
    submit(world, "4", shareIdentifier="heavy", **fair)
    heavy = submit(world, shareIdentifier="heavy", **fair)
    low = submit(world, shareIdentifier="light1", schedulingPriorityOverride=1, **fair)
    high = submit(world, shareIdentifier="light1", schedulingPriorityOverride=2, **fair)
    assert list_front(world, "fair") == [high, low, heavy]


def find_desired(world: World) -> int:
    found = world.call("DescribeComputeEnvironments")["computeEnvironments"]
    return int(found[0]["computeResources"]["desiredvCpus"])


def test_as_many_vcpus_are_desired_as_jobs_use(world: World) -> None:
    assert find_desired(world) == 0
    first, _second, _waits = submit(world, "2"), submit(world, "2"), submit(world, "2")
    assert find_desired(world) == 4
    world.run(first)
    assert find_desired(world) == 4
    least = {"minvCpus": 8}
    world.call("UpdateComputeEnvironment", computeEnvironment="environment", computeResources=least)
    assert find_desired(world) == 8


def test_on_fargate_none_are_desired(world: World) -> None:
    world.call("CreateComputeEnvironment", **make_fargate_environment("fargate"))
    (found,) = world.call("DescribeComputeEnvironments", computeEnvironments=["fargate"])[
        "computeEnvironments"
    ]
    assert "desiredvCpus" not in found["computeResources"]


def make_fair_queue(world: World) -> None:
    shares = [
        {"shareIdentifier": "heavy", "weightFactor": 2.0},
        {"shareIdentifier": "light*", "weightFactor": 1.0},
    ]
    arn = world.call(
        "CreateSchedulingPolicy", name="fair", fairsharePolicy={"shareDistribution": shares}
    )["arn"]
    world.call("CreateJobQueue", **make_queue("fair", "environment", schedulingPolicyArn=arn))


def test_fair_share_favours_who_uses_less_by_weight() -> None:
    world = World(vcpus=6)
    make_fair_queue(world)
    first = submit(world, "6")
    heavy = [submit(world, jobQueue="fair", shareIdentifier="heavy") for _ in range(6)]
    light = [submit(world, jobQueue="fair", shareIdentifier="light1") for _ in range(6)]
    world.run(first)
    assert sum(list_started(world, *heavy)) == 2
    assert sum(list_started(world, *light)) == 4


def test_within_a_share_priority_decides(world: World) -> None:
    make_fair_queue(world)
    first = submit(world, "4")
    fair = {"jobQueue": "fair", "shareIdentifier": "light1"}
    low = submit(world, "4", schedulingPriorityOverride=1, **fair)
    high = submit(world, "4", schedulingPriorityOverride=2, **fair)
    world.run(first)
    assert list_started(world, low, high) == [False, True]
    assert world.describe(high)["schedulingPriority"] == 2


@pytest.mark.parametrize("share", ["", "a b", "x" * 256, "a*b", None])
def test_a_fair_queue_demands_a_share_identifier(world: World, share: str | None) -> None:
    make_fair_queue(world)
    given = {} if share is None else {"shareIdentifier": share}
    with pytest.raises(ClientError, match=r"[Ss]hare ?[Ii]dentifier"):
        submit(world, jobQueue="fair", **given)


@pytest.mark.parametrize(
    "members", [{"shareIdentifier": "a"}, {"schedulingPriorityOverride": 1}], ids=str
)
def test_a_plain_queue_refuses_them(world: World, members: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="with a scheduling policy only"):
        submit(world, **members)
