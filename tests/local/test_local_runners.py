"""What both runners promise, shown with jobs that really run."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from batch_world import (
    make_definition,
    make_environment,
    make_fargate,
    make_fargate_environment,
    make_queue,
    make_resources,
)
from iam_kit import allow, write_policy
from job_runs import LOG_GROUP, Runs, wait_for
from strict_client import GRACE_SECONDS, make_client


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def runs(request: pytest.FixtureRequest) -> Runs:
    """Jobs as processes, and in containers."""
    found: Runs = request.getfixturevalue(f"{request.param}_runs")
    return found


def test_the_exit_code_and_output_are_reported(runs: Runs) -> None:
    job, log = runs.run("sh", "-c", r"echo out; echo err >&2; printf '\377rest'; exit 3")
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 3)
    # Both streams of a container are pipes of their own: their order is not kept.
    assert sorted(log) == ["err", "out", "\N{REPLACEMENT CHARACTER}rest"]


def test_array_children_run_with_their_index(runs: Runs) -> None:
    script = "echo $AWS_BATCH_JOB_ARRAY_INDEX/$AWS_BATCH_JOB_ARRAY_SIZE"
    parent = runs.submit("sh", "-c", script, arrayProperties={"size": 3})
    assert runs.wait(parent)["status"] == "SUCCEEDED"
    logs = [runs.read_log(runs.describe(f"{parent}:{index}")) for index in range(3)]
    assert logs == [["0/3"], ["1/3"], ["2/3"]]


def test_output_is_there_while_the_job_runs(runs: Runs) -> None:
    job_id = runs.submit("sh", "-c", "echo early; sleep 60")
    job = runs.wait(job_id, "RUNNING")
    assert wait_for(lambda: runs.read_log(job)) == ["early"]
    runs.batch.terminate_job(jobId=job_id, reason="seen enough")
    runs.wait(job_id)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-tool"], 'exec: "no-such-tool": executable file not found in $PATH'),
        (["/no/such/tool"], "stat /no/such/tool: no such file or directory"),
        ([], "No command specified"),
    ],
)
def test_a_command_that_cannot_start_has_dockers_reason(
    runs: Runs, command: list[str], words: str
) -> None:
    job = runs.wait(runs.submit(*command))
    assert job["statusReason"] == "Task failed to start"
    container = job["attempts"][0]["container"]
    assert words in container["reason"]
    assert "exitCode" not in container


def test_a_missing_log_group_stops_the_container_from_starting(runs: Runs) -> None:
    group = f"/own/{uuid.uuid4()}"
    options = {"awslogs-group": group}
    settings = {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    job = runs.wait(runs.submit("true", container=settings))
    assert "The specified log group does not exist" in job["container"]["reason"]
    options["awslogs-create-group"] = "true"
    job = runs.wait(runs.submit("echo", "hello", container=settings))
    assert (
        "failed to create Cloudwatch log group: AccessDeniedException"
        in (job["container"]["reason"])
    )
    make_client(runs.aws, "iam").put_role_policy(
        RoleName="ecsInstanceRole",
        PolicyName="groups",
        PolicyDocument=write_policy(allow("logs:CreateLogGroup")),
    )
    job = runs.wait(runs.submit("echo", "hello", container=settings))
    assert runs.read_log(job, group) == ["hello"]


def test_terminate_gives_a_job_time_to_clean_up(runs: Runs) -> None:
    script = "trap 'echo cleaning; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    job_id = runs.submit("sh", "-c", script)
    job = runs.wait(job_id, "RUNNING")
    wait_for(lambda: runs.read_log(job))
    runs.batch.terminate_job(jobId=job_id, reason="enough")
    job = runs.wait(job_id)
    assert (job["statusReason"], job["container"]["exitCode"]) == ("enough", 9)
    assert runs.read_log(job)[-1] == "cleaning"


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace(runs: Runs) -> None:
    job_id = runs.submit("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    job = runs.wait(job_id, "RUNNING")
    wait_for(lambda: runs.read_log(job))
    begun = time.monotonic()
    runs.batch.terminate_job(jobId=job_id, reason="enough")
    job = runs.wait(job_id)
    assert time.monotonic() - begun >= GRACE_SECONDS
    assert job["container"]["exitCode"] == 137


def test_jobs_beyond_the_hosts_vcpus_wait(runs: Runs) -> None:
    four = {"resourceRequirements": make_resources("4")}
    first = runs.submit("sleep", "60", container=four)
    runs.wait(first, "RUNNING")
    second = runs.submit("true", container=four)
    assert runs.wait(second, "RUNNABLE")["status"] == "RUNNABLE"
    runs.batch.terminate_job(jobId=first, reason="make room")
    assert runs.wait(second)["status"] == "SUCCEEDED"


def test_a_failed_attempt_is_tried_again(runs: Runs) -> None:
    job, log = runs.run(
        "sh", "-c", 'test "$AWS_BATCH_JOB_ATTEMPT" = 2', retryStrategy={"attempts": 3}
    )
    assert (job["status"], len(job["attempts"]), log) == ("SUCCEEDED", 2, [])


def test_the_first_essential_container_to_exit_ends_the_task(runs: Runs) -> None:
    side = "trap 'echo stopped; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    main = "sleep 0.3; exit 4"
    containers = [
        {
            "name": name,
            "image": runs.image,
            "essential": name == "main",
            "command": ["sh", "-c", script],
            "resourceRequirements": make_resources(),
        }
        for name, script in (("side", side), ("main", main))
    ]
    definition = make_definition(
        f"two-{uuid.uuid4()}",
        ecsProperties={"taskProperties": [{"containers": containers}]},
        containerProperties=None,
    )
    runs.batch.register_job_definition(**definition)
    job_id = runs.batch.submit_job(
        jobName="two",
        jobQueue=runs.aws.job_queue,
        jobDefinition=definition["jobDefinitionName"],
    )["jobId"]
    job = runs.wait(job_id)
    (task,) = job["attempts"][0]["taskProperties"]
    assert {c["name"]: c["exitCode"] for c in task["containers"]} == {"side": 0, "main": 4}
    stream = next(c["logStreamName"] for c in task["containers"] if c["name"] == "side")
    events = runs.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream)["events"]
    assert events[-1]["message"] == "stopped"


def make_queues(runs: Runs) -> dict[str, dict[str, Any]]:
    """Four queues of different kinds, and what submitting to each needs."""
    tag = uuid.uuid4().hex[:8]
    batch = runs.batch
    kinds = {
        "ec2": make_environment(f"ec2-{tag}"),
        "spot": make_environment(f"spot-{tag}", type="SPOT"),
        "fargate": make_fargate_environment(f"fargate-{tag}"),
        "fargate-spot": make_fargate_environment(f"fargate-spot-{tag}"),
    }
    kinds["fargate-spot"]["computeResources"]["type"] = "FARGATE_SPOT"
    for kind, environment in kinds.items():
        batch.create_compute_environment(**environment)
        batch.create_job_queue(**make_queue(f"{kind}-{tag}", f"{kind}-{tag}"))
    policy = batch.create_scheduling_policy(
        name=f"fair-{tag}",
        fairsharePolicy={"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 1.0}]},
    )
    batch.create_job_queue(
        **make_queue(f"fair-{tag}", f"ec2-{tag}", schedulingPolicyArn=policy["arn"])
    )
    shared = {"shareIdentifier": "a", "schedulingPriorityOverride": 3}
    return {f"{kind}-{tag}": shared if kind == "fair" else {} for kind in (*kinds, "fair")}


def test_jobs_run_on_queues_of_every_kind(runs: Runs) -> None:
    jobs = {}
    for queue, members in make_queues(runs).items():
        name = f"on-{queue}"
        own = {"image": runs.image, "command": ["sh", "-c", "echo $AWS_BATCH_JQ_NAME"]}
        resources = {"resourceRequirements": make_resources()}
        definition = (
            make_fargate(name, **own)
            if queue.startswith("fargate")
            else make_definition(name, {**own, **resources})
        )
        runs.batch.register_job_definition(**definition)
        submitted = {"jobName": "job", "jobQueue": queue, "jobDefinition": name, **members}
        jobs[queue] = runs.batch.submit_job(**submitted)["jobId"]
    for queue, job_id in jobs.items():
        job = runs.wait(job_id)
        assert (job["status"], runs.read_log(job)) == ("SUCCEEDED", [queue])
