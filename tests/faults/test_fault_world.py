"""The proxy's faults are those that botocore knows, and hosts are lost as Batch tells it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from e2e.runs import make_client

from faults.fault_plan import FaultRates
from faults.fault_world import CALM, Hardship, World, open_world

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})


def open_client(world: World) -> Any:
    return boto3.client(
        "batch",
        endpoint_url=world.environment["AWS_ENDPOINT_URL_BATCH"],
        region_name=world.aws.region,
        aws_access_key_id=world.aws.access_key_id,
        aws_secret_access_key=world.aws.secret_access_key,
        config=ONCE,
    )


def make_hardship(**rates: float) -> Hardship:
    return Hardship(replace(CALM.rates, **rates), spot_rate=0.0)


def submit(client: Any, world: World, command: list[str]) -> str:
    requirements = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    make_client(world.aws, "batch").register_job_definition(
        jobDefinitionName="plain",
        type="container",
        containerProperties={"image": "x", "resourceRequirements": requirements},
        retryStrategy={"attempts": 3},
    )
    answer = client.submit_job(
        jobName="one",
        jobQueue=world.aws.job_queue,
        jobDefinition="plain",
        containerOverrides={"command": command},
    )
    return str(answer["jobId"])


def test_calls_pass_and_are_recorded(calm_world: World) -> None:
    client = open_client(calm_world)
    job_id = submit(client, calm_world, ["true"])
    assert client.describe_jobs(jobs=[job_id])["jobs"][0]["jobName"] == "one"
    with pytest.raises(ClientError, match="ClientException"):
        client.describe_jobs(jobs=["x"] * 101)


def test_throttling(tmp_path: Path) -> None:
    with open_world(tmp_path, 1, make_hardship(throttled=1.0)) as world:
        with pytest.raises(ClientError) as caught:
            submit(open_client(world), world, ["true"])
        assert caught.value.response["Error"] == {
            "Code": "TooManyRequestsException",
            "Message": "Too Many Requests",
        }
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert world.record.read_jobs() == {}


def test_failures_before_and_after(tmp_path: Path) -> None:
    with open_world(tmp_path, 1, make_hardship(failed=1.0)) as world:
        for _ in range(8):
            with pytest.raises(ClientError) as caught:
                submit(open_client(world), world, ["true"])
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        lines = (tmp_path / "faults.jsonl").read_text().splitlines()
        answered = [each["answer"]["jobId"] for each in map(json.loads, lines) if "answer" in each]
        assert set(answered) == set(world.record.read_jobs())
        assert 0 < len(answered) < 8


def test_lost_answers_are_carried_out(tmp_path: Path) -> None:
    with open_world(tmp_path, 1, make_hardship(answer_lost=1.0)) as world:
        with pytest.raises(ConnectionClosedError):
            submit(open_client(world), world, ["true"])
        assert len(world.record.read_jobs()) == 1


def test_new_jobs_are_hidden_for_a_while(tmp_path: Path) -> None:
    with open_world(tmp_path, 1, make_hardship(hidden=1.0, hidden_seconds=60.0)) as world:
        client = open_client(world)
        job_id = submit(client, world, ["sleep", "600"])
        assert client.describe_jobs(jobs=[job_id])["jobs"] == []
        names = [{"name": "JOB_NAME", "values": ["one"]}]
        listed = client.list_jobs(jobQueue=world.aws.job_queue, filters=names)
        assert listed["jobSummaryList"] == []
        assert set(world.record.read_jobs()) == {job_id}


def test_hosts_are_lost_but_the_last(tmp_path: Path) -> None:
    with open_world(tmp_path, 1, Hardship(FaultRates(), spot_rate=1.0, spot_seconds=0.1)) as world:
        direct = make_client(world.aws, "batch")
        job_id = submit(direct, world, ["sleep", "1"])
        job = world.record.wait_until_idle(60)[job_id]
        assert job.status == "SUCCEEDED"
        assert [job.is_interrupted(attempt) for attempt in (1, 2, 3)] == [True, True, False]
        attempts = direct.describe_jobs(jobs=[job_id])["jobs"][0]["attempts"]
        assert ["exitCode" in each["container"] for each in attempts] == [False, False, True]
