"""Jobs that really run, seen through boto3 alone."""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batch_world import ROLE, make_container, make_definition, make_resources
from strict_client import GRACE_SECONDS

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

PATIENCE_SECONDS = 30
LOG_GROUP = "/aws/batch/job"


def wait_for(find: Callable[[], Any]) -> Any:
    """What ``find`` returns, as soon as it is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Runs:
    """Submits commands to the embedded AWS and waits for what becomes of them."""

    def __init__(self, aws: EmbeddedAws, batch: Any, logs: Any):
        self.aws = aws
        self.batch = batch
        self.logs = logs

    def submit(self, *command: str, container: dict[str, Any] | None = None, **members: Any) -> str:
        name = f"run-{uuid.uuid4()}"
        properties = make_container(command=list(command), **(container or {}))
        self.batch.register_job_definition(**make_definition(name, properties))
        request = {"jobName": "job", "jobQueue": self.aws.job_queue, "jobDefinition": name}
        job_id: str = self.batch.submit_job(**request, **members)["jobId"]
        return job_id

    def describe(self, job_id: str) -> Any:
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def wait(self, job_id: str, *states: str) -> Any:
        def find() -> Any:
            job = self.describe(job_id)
            return job if job["status"] in (states or ("SUCCEEDED", "FAILED")) else None

        return wait_for(find)

    def read_log(self, job: Any, group: str = LOG_GROUP) -> list[str]:
        stream = job["container"]["logStreamName"]
        answer = self.logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True
        )
        return [event["message"] for event in answer["events"]]

    def run(self, *command: str, **members: Any) -> tuple[Any, list[str]]:
        job = self.wait(self.submit(*command, **members))
        return job, self.read_log(job)


@pytest.fixture(scope="module")
def runs(strict_aws: EmbeddedAws, batch_client: Any, logs_client: Any) -> Runs:
    return Runs(strict_aws, batch_client, logs_client)


def is_process_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_exit_code_and_output_are_reported(runs: Runs) -> None:
    job, log = runs.run("sh", "-c", r"echo out; echo err >&2; printf '\377rest'; exit 3")
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 3)
    assert log == ["out", "err", "\N{REPLACEMENT CHARACTER}rest"]


def test_the_environment_is_batchs_and_nothing_more(runs: Runs, strict_aws: EmbeddedAws) -> None:
    members = {"environment": [{"name": "OWN", "value": "from definition"}]}
    overrides = {"environment": [{"name": "ADDED", "value": "by override"}]}
    program = "import os; print(*(f'{k}={v}' for k, v in os.environ.items()), sep=chr(10))"
    job, log = runs.run(
        "/batchx/bin/python", "-c", program, container=members, containerOverrides=overrides
    )
    environment = dict(line.split("=", 1) for line in log)
    # Python's own, where the locale is C.
    environment.pop("LC_CTYPE", None)
    scratch = Path(environment.pop("HOME")).parent
    assert environment.pop("TMPDIR") == str(scratch / "tmp")
    assert Path(environment.pop("BATCHX_SHARED_FOLDER")).is_dir()
    assert environment == {
        "ADDED": "by override",
        "AWS_BATCH_CE_NAME": "batchx-local",
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JQ_NAME": strict_aws.job_queue,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": (
            f"{strict_aws.endpoint_url}/_batchx/credentials/instance-role"
        ),
        "AWS_ENDPOINT_URL": strict_aws.endpoint_url,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "HOSTNAME": socket.gethostname(),
        "OWN": "from definition",
        "PATH": os.environ["PATH"],
    }
    assert not scratch.exists()


def test_a_job_runs_in_an_empty_folder_that_is_removed_afterwards(runs: Runs) -> None:
    script = "pwd; ls -A; mkdir locked; touch locked/file; chmod 0 locked"
    job, log = runs.run("sh", "-c", script)
    assert job["status"] == "SUCCEEDED"
    assert len(log) == 1
    assert not Path(log[0]).exists()


def test_stdin_is_empty_and_the_runtime_is_this_python(runs: Runs) -> None:
    program = "import sys; print(repr(sys.stdin.read()), sys.executable)"
    _, log = runs.run("/batchx/bin/python", "-c", program)
    assert log == [f"'' {sys.executable}"]


def test_a_job_uses_the_credentials_of_its_role(runs: Runs, strict_aws: EmbeddedAws) -> None:
    program = (
        "import boto3\n"
        "session = boto3.Session(region_name='us-east-1')\n"
        "print(session.get_credentials().token)\n"
        "print([b['Name'] for b in session.client('s3').list_buckets()['Buckets']])\n"
    )
    job, log = runs.run("/batchx/bin/python", "-c", program, container={"jobRoleArn": ROLE})
    assert job["status"] == "SUCCEEDED"
    assert log == ["embedded-some-role", f"['{strict_aws.bucket}']"]


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
        (["/no/such/tool"], 'exec: "/no/such/tool": executable file not found'),
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


def test_nothing_of_a_job_outlives_it(runs: Runs) -> None:
    _, log = runs.run("sh", "-c", "sleep 600 & echo $!; exit 0")
    wait_for(lambda: is_process_gone(int(log[0])))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_a_job_over_its_memory_is_killed_as_ecs_does(runs: Runs) -> None:
    program = "import time; x = bytearray(200 << 20); time.sleep(60)"
    limit = {"resourceRequirements": make_resources("1", "100")}
    job, _ = runs.run("/batchx/bin/python", "-c", program, container=limit)
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert job["statusReason"] == "Essential container in task exited"


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
            "image": "busybox",
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
