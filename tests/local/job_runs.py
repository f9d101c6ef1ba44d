"""Jobs on an embedded AWS, seen through boto3 alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from batch_world import make_container, make_definition

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

PATIENCE_SECONDS = 30
LOG_GROUP = "/aws/batch/job"


def wait_for(find: Callable[[], Any], patience_seconds: float = PATIENCE_SECONDS) -> Any:
    """What ``find`` returns, as soon as it is true."""
    deadline = time.monotonic() + patience_seconds
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Runs:
    """Submits commands to the embedded AWS and waits for what becomes of them."""

    def __init__(self, aws: EmbeddedAws, batch: Any, logs: Any, image: str = "busybox"):
        self.aws = aws
        self.batch = batch
        self.logs = logs
        self.image = image

    def submit(self, *command: str, container: dict[str, Any] | None = None, **members: Any) -> str:
        name = f"run-{uuid.uuid4()}"
        settings = {"image": self.image, "command": list(command), **(container or {})}
        properties = make_container(**settings)
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
