"""What the embedded Batch tells of failed jobs, as the head's verdicts understand it."""

from typing import Any

import pytest
from batch_world import World, make_container, make_resources

from snakemake_executor_plugin_batchx.batch.state import interpret_job
from snakemake_executor_plugin_batchx.batch.verdict import Verdict, judge_failure
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.limits import OVERRIDE_CHARACTERS
from snakemake_executor_plugin_batchx.local.runners import OUT_OF_MEMORY
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP
from snakemake_executor_plugin_batchx.plan.retries import make_retry_strategy

TWO_CONTAINERS = [
    {"name": "side", "essential": False, **make_container()},
    {"name": "main", **make_container()},
]


@pytest.fixture
def world() -> World:
    return World()


def judge(world: World, job_id: str) -> Verdict:
    state = interpret_job(world.describe(job_id))
    assert state.status == "FAILED"
    return judge_failure(state, None, image="tool:1", memory_mib=100)


def test_an_exit_code(world: World) -> None:
    job_id = world.submit()
    world.run(job_id, 7)
    assert judge(world, job_id).sentence == "its command ended with exit code 7"


def test_a_want_of_memory(world: World) -> None:
    job_id = world.submit()
    world.begin(job_id)
    world.end(job_id, 137, OUT_OF_MEMORY)
    assert judge(world, job_id).sentence == "it needed more memory than its limit of 100 MiB"


def test_a_timeout(world: World) -> None:
    job_id = world.submit(timeout={"attemptDurationSeconds": 90})
    world.begin(job_id)
    world.advance(91)
    world.end(job_id, 143)
    assert judge(world, job_id).sentence == "it ran longer than its time limit of 90 s"


def test_a_job_that_somebody_terminated_while_it_ran_or_waited(world: World) -> None:
    running = world.submit()
    world.begin(running)
    world.call("TerminateJob", jobId=running, reason="enough")
    world.advance()
    world.end(running, 143)
    waiting = world.submit(containerOverrides={"resourceRequirements": make_resources(gpus="1")})
    world.call("TerminateJob", jobId=waiting, reason="enough")
    for job_id in (running, waiting):
        verdict = judge(world, job_id)
        assert verdict.kind == "ended"
        assert verdict.sentence == "somebody terminated it, with the reason: enough"


def test_hosts_that_are_lost_again_and_again(world: World) -> None:
    job_id = world.submit(retryStrategy=make_retry_strategy(2))
    for number in range(3):
        world.batch.report_host_lost(world.begin(job_id), f"i-{number}")
        world.advance()
    verdict = judge(world, job_id)
    assert verdict.kind == "infrastructure"
    assert verdict.attempts == "Batch started it 3 times; before: Host EC2 terminated (2 times)."
    assert verdict.words == ("Host EC2 (instance i-2) terminated.",)


def test_overrides_that_are_too_long(world: World) -> None:
    job_id = world.submit(containerOverrides={"command": ["x" * OVERRIDE_CHARACTERS]})
    assert judge(world, job_id).kind == "settings"


def test_a_place_that_never_comes(world: World) -> None:
    action = {
        "reason": "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "CANCEL",
    }
    world.call("UpdateJobQueue", jobQueue="queue", jobStateTimeLimitActions=[action])
    overrides = {"resourceRequirements": make_resources("101")}
    job_id = world.submit(containerOverrides=overrides)
    world.advance(600)
    assert "may have (maxvCpus)" in judge(world, job_id).sentence


def test_the_child_of_an_array_and_the_container_of_a_task(world: World) -> None:
    parent = world.submit_array(2)
    world.run(f"{parent}:0")
    world.run(f"{parent}:1", 3)
    assert judge(world, f"{parent}:1").subject == f"Batch job {parent}:1"
    register_two(world)
    job_id = world.submit(jobDefinition="two")
    world.begin(job_id)
    world.end_with(job_id, [ContainerResult("main", 5), ContainerResult("side", 1)])
    verdict = judge(world, job_id)
    assert verdict.message == (
        f"Batch job {job_id} (container main) failed: its command ended with exit code 5."
    )


def register_two(world: World) -> None:
    definition: dict[str, Any] = {
        "jobDefinitionName": "two",
        "type": "container",
        "ecsProperties": {"taskProperties": [{"containers": TWO_CONTAINERS}]},
    }
    world.call("RegisterJobDefinition", **definition)


def test_where_the_container_wrote_that_ended_its_job(world: World) -> None:
    job_id = world.submit()
    world.run(job_id, 1)
    attempt = interpret_job(world.describe(job_id)).last_attempt
    assert attempt is not None
    assert attempt.log is not None
    assert (attempt.log.group, attempt.log.region) == (DEFAULT_LOG_GROUP, None)
    register_two(world)
    job_id = world.submit(jobDefinition="two")
    world.begin(job_id)
    world.end_with(job_id, [ContainerResult("main", 5), ContainerResult("side", 1)])
    attempt = interpret_job(world.describe(job_id)).last_attempt
    assert attempt is not None
    assert attempt.log is not None
    assert "/main/" in attempt.log.stream
