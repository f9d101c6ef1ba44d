"""Jobs as processes, seen through boto3 alone: what differs from containers."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from batch_world import ROLE, make_resources
from job_runs import Runs, wait_for

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws


@pytest.fixture
def runs(process_runs: Runs) -> Runs:
    return process_runs


def is_process_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


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
            f"{strict_aws.endpoint_url}/_batchx/credentials/instance-profile/ecsInstanceRole/"
            f"{read_instance(job)}"
        ),
        "AWS_ENDPOINT_URL": strict_aws.endpoint_url,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "HOSTNAME": socket.gethostname(),
        "OWN": "from definition",
        "PATH": os.environ["PATH"],
    }
    assert not scratch.exists()


def read_instance(job: Any) -> str:
    """The id of the EC2 instance that stands behind a job's container instance."""
    number: str = job["container"]["containerInstanceArn"].rpartition("/")[2]
    return f"i-{number[:17]}"


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
        "print(session.client('sts').get_caller_identity()['Arn'])\n"
        "print([b['Name'] for b in session.client('s3').list_buckets()['Buckets']])\n"
    )
    job, log = runs.run("/batchx/bin/python", "-c", program, container={"jobRoleArn": ROLE})
    assert job["status"] == "SUCCEEDED"
    task_id = job["container"]["taskArn"].rpartition("/")[2]
    arn = f"arn:aws:sts::123456789012:assumed-role/some-role/{task_id}"
    assert log == [arn, f"['{strict_aws.bucket}']"]


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
