"""The embedded AWS as a process: it starts, and it ends whichever way its parent does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    EmbeddedAwsError,
    launch_embedded_aws,
    make_command,
    make_environment,
    read_announcement,
)

PATIENCE_SECONDS = 30

# A parent that starts the embedded AWS with a job in it, says where, and waits.
PARENT = """
import sys, boto3
from snakemake_executor_plugin_batchx.local.launch import launch_embedded_aws
with launch_embedded_aws(vcpus=1, memory_mib=500) as aws:
    batch = boto3.client(
        "batch",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )
    resources = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "100"}]
    command = ["sh", "-c", "trap '' TERM; echo $$ > %s; sleep 600 & wait; wait"]
    container = {"image": "x", "command": command, "resourceRequirements": resources}
    batch.register_job_definition(
        jobDefinitionName="d", type="container", containerProperties=container
    )
    batch.submit_job(jobName="j", jobQueue=aws.job_queue, jobDefinition="d")
    print(aws.pid, flush=True)
    sys.stdin.read()
"""


def wait_until(is_met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_met():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, None], ids=str)
def test_server_and_jobs_end_with_their_parent(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT % pid_file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        wait_until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
        job = int(pid_file.read_text())
        assert not is_gone(server)
        assert not is_gone(job)
        if number is None:
            parent.communicate("")
        else:
            parent.send_signal(number)
        wait_until(lambda: is_gone(server))
        wait_until(lambda: is_gone(job))


def test_the_account_is_furnished(tmp_path: Path) -> None:
    with launch_embedded_aws(vcpus=2, memory_mib=1000) as aws:
        assert aws.bucket.startswith("batchx-local-")
        assert len(aws.bucket) == len("batchx-local-") + 8
        environment = {**os.environ, **make_environment(aws)}
        script = (
            "import boto3\n"
            "print(*[b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])\n"
            "print(boto3.client('batch').describe_job_queues()['jobQueues'][0]['jobQueueName'])\n"
            "groups = boto3.client('logs').describe_log_groups()['logGroups']\n"
            "print(*[group['logGroupName'] for group in groups])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert done.stdout.split("\n")[:3] == [aws.bucket, aws.job_queue, "/aws/batch/job"]
    assert is_gone(aws.pid) or not Path("/proc").exists()


def test_a_server_that_cannot_start_says_why() -> None:
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.exit('no such luck')"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        with process, pytest.raises(EmbeddedAwsError, match="no such luck"):
            read_announcement(process, errors)


def test_a_server_that_says_nothing_is_killed_in_time() -> None:
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        with process, pytest.raises(EmbeddedAwsError, match=r"within 0\.2 s"):
            read_announcement(process, errors, seconds=0.2)
        assert process.returncode == -signal.SIGKILL


def test_the_callers_aws_settings_do_not_reach_the_server(tmp_path: Path) -> None:
    script = (
        "from snakemake_executor_plugin_batchx.local.launch import launch_embedded_aws\n"
        "with launch_embedded_aws() as aws: print(aws.region)\n"
    )
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')")
    foreign = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": "eu-west-1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**os.environ, **foreign},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "us-east-1\n"


def test_launching_is_light_to_import() -> None:
    script = (
        "import sys, snakemake_executor_plugin_batchx.local.launch\n"
        "print(sorted({'moto', 'werkzeug', 'boto3', 'botocore', 'flask'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # The package itself is Snakemake's to import; what is looked for is ours.
    assert done.stdout.strip() == "[]"


def test_the_environment_has_all_that_aws_tools_read() -> None:
    aws = EmbeddedAws(
        "http://127.0.0.1:1", "us-east-1", "key", "secret", "b", "q", "r", "e", 1, "h", "s"
    )
    assert make_environment(aws) == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }


def test_an_empty_region_is_none() -> None:
    assert make_command(region="") == make_command(region=None)
