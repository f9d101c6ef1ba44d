"""What a container sees of its job definition's options: file systems, secrets, limits, logins."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from batch_world import ROLE, make_fargate, make_fargate_environment, make_queue
from docker_images import import_busybox
from docker_registry import TestRegistry, run_registry
from job_runs import Runs
from strict_client import make_client

pytestmark = pytest.mark.docker

S3_FILES = "arn:aws:s3files:us-east-1:123456789012:file-system/fs-3"
READ_LIMITS = """
    cd /sys/fs/cgroup
    cat cpu.max 2> /dev/null || cat cpu/cpu.cfs_quota_us
    cat memory.max 2> /dev/null || cat memory/memory.limit_in_bytes
    echo $AWS_EXECUTION_ENV $AWS_REGION
"""
"""cgroup v2, else v1."""


@pytest.fixture
def runs(docker_runs: Runs) -> Runs:
    return docker_runs


def make_secret(runs: Runs, text: str) -> str:
    client = make_client(runs.aws, "secretsmanager")
    arn: str = client.create_secret(Name=f"s-{uuid.uuid4()}", SecretString=text)["ARN"]
    return arn


def test_jobs_share_file_systems_by_their_roots(runs: Runs) -> None:
    file_system = {"fileSystemId": "fs-1"}
    volumes = [
        {"name": "whole", "efsVolumeConfiguration": file_system},
        {"name": "part", "efsVolumeConfiguration": {**file_system, "rootDirectory": "/a/b"}},
        {"name": "other", "s3filesVolumeConfiguration": {"fileSystemArn": S3_FILES}},
    ]
    mounts = [
        {"sourceVolume": "whole", "containerPath": "/whole"},
        {"sourceVolume": "part", "containerPath": "/part", "readOnly": True},
        {"sourceVolume": "other", "containerPath": "/other"},
    ]
    members = {"volumes": volumes, "mountPoints": mounts, "jobRoleArn": ROLE}
    job, _ = runs.run(
        "sh", "-c", "echo hello > /whole/a/b/file; echo s3 > /other/file", container=members
    )
    assert job["status"] == "SUCCEEDED"
    script = "cat /part/file /other/file; touch /part/x 2> /dev/null || echo kept"
    _, log = runs.run("sh", "-c", script, container={**members, "user": "1000"})
    assert log == ["hello", "s3", "kept"]


def test_a_container_sees_its_secrets_and_its_limits(runs: Runs) -> None:
    arn = make_secret(runs, '{"user": "me"}')
    make_client(runs.aws, "ssm").put_parameter(Name="/docker", Value="v", Type="SecureString")
    members = {
        "executionRoleArn": ROLE,
        "secrets": [
            {"name": "USER_NAME", "valueFrom": f"{arn}:user::"},
            {"name": "KEY", "valueFrom": "/docker"},
        ],
        "user": "1000:1000",
        "readonlyRootFilesystem": True,
        "linuxParameters": {
            "initProcessEnabled": True,
            "sharedMemorySize": 3,
            "maxSwap": 50,
            "swappiness": 7,
            "tmpfs": [
                {"containerPath": "/mine", "size": 5, "mountOptions": ["uid=1000", "mode=700"]}
            ],
        },
        "ulimits": [
            {"name": "nofile", "softLimit": 77, "hardLimit": 99},
            {"name": "stack", "softLimit": 2**20, "hardLimit": -1},
        ],
    }
    script = """
        echo "$USER_NAME $KEY"
        id -u; id -g
        touch /file 2> /dev/null || echo readonly
        touch /mine/file && echo tmpfs
        stat -c '%u %a' /mine
        ulimit -Sn; ulimit -Hn; ulimit -Ss; ulimit -Hs
        df -m /dev/shm | awk 'END {print $2}'
        cat /proc/1/comm
    """
    job, log = runs.run("sh", "-c", script, container=members)
    assert job["status"] == "SUCCEEDED", job
    assert log[:-1] == [
        *("me v", "1000", "1000", "readonly", "tmpfs", "1000 700"),
        *("77", "99", "1024", "unlimited", "3"),
    ]
    assert log[-1] in {"docker-init", "tini"}


@pytest.mark.parametrize("is_fargate", [False, True])
def test_a_missing_secret_stops_the_task_from_starting(
    runs: Runs, fargate_queue: str, is_fargate: bool
) -> None:
    secrets = [{"name": "TOKEN", "valueFrom": "/none"}]
    if is_fargate:
        job_id = submit_fargate(runs, fargate_queue, "true", secrets=secrets)
        start = "ResourceInitializationError: unable to pull secrets or registry auth: "
    else:
        container = {"secrets": secrets, "executionRoleArn": ROLE}
        job_id = runs.submit("true", container=container)
        start = "Fetching secret data from SSM Parameter Store in us-east-1: "
    job = runs.wait(job_id)
    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith(start)
    assert job["statusReason"].endswith("parameters: /none")
    assert "reason" not in job["container"]


@pytest.fixture(scope="module")
def fargate_queue(docker_runs: Runs) -> str:
    """A queue on Fargate."""
    batch = docker_runs.batch
    batch.create_compute_environment(**make_fargate_environment("fargate"))
    batch.create_job_queue(**make_queue("fargate", "fargate"))
    return "fargate"


def submit_fargate(runs: Runs, queue: str, *command: str, **members: Any) -> str:
    name = f"fargate-{uuid.uuid4()}"
    definition = make_fargate(name, image=runs.image, command=list(command), **members)
    runs.batch.register_job_definition(**definition)
    request = {"jobName": "job", "jobQueue": queue, "jobDefinition": name}
    job_id: str = runs.batch.submit_job(**request)["jobId"]
    return job_id


def test_a_task_on_fargate_has_its_cpus_and_memory_and_no_more(
    runs: Runs, fargate_queue: str
) -> None:
    job = runs.wait(submit_fargate(runs, fargate_queue, "sh", "-c", READ_LIMITS))
    cpus, memory, environment = runs.read_log(job)
    assert cpus in {"25000 100000", "25000"}
    assert (memory, environment) == (str(512 * 2**20), "AWS_ECS_FARGATE us-east-1")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    with run_registry(tmp_path_factory.mktemp("private")) as running:
        yield running


def test_an_image_is_pulled_with_the_jobs_own_login(runs: Runs, registry: TestRegistry) -> None:
    with import_busybox(files={"etc/own": uuid.uuid4().hex}) as own:
        image = registry.push(own.tag, "team/private:1")
    right = make_secret(runs, json.dumps({"username": "AWS", "password": registry.password}))
    wrong = make_secret(runs, json.dumps({"username": "AWS", "password": "wrong"}))
    missing = right[:-6] + "AAAAAA"
    members = {"image": image, "executionRoleArn": ROLE}
    try:
        outcomes = []
        for arn in (missing, wrong, right):
            login = {"repositoryCredentials": {"credentialsParameter": arn}}
            outcomes.append(runs.wait(runs.submit("true", container={**members, **login})))
    finally:
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, check=False)
    assert [job["status"] for job in outcomes] == ["FAILED", "FAILED", "SUCCEEDED"]
    assert outcomes[0]["statusReason"].startswith("Asm fetching secret from the service for arn:")
    assert outcomes[1]["statusReason"] == "Task failed to start"
    assert outcomes[1]["container"]["reason"].startswith("CannotPullContainerError: ")
