"""All that an embedded AWS has stored: what somebody with access to the account could read."""

import json
from collections.abc import Iterator

from runs import make_client

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")


def iter_stored(aws: EmbeddedAws) -> Iterator[tuple[str, bytes]]:
    """Yield everything with the name of its place."""
    yield from _iter_definitions(aws)
    yield from _iter_jobs(aws)
    yield from _iter_log_events(aws)
    yield from _iter_objects(aws)


def _iter_definitions(aws: EmbeddedAws) -> Iterator[tuple[str, bytes]]:
    pages = make_client(aws, "batch").get_paginator("describe_job_definitions").paginate()
    for definition in (each for page in pages for each in page["jobDefinitions"]):
        yield definition["jobDefinitionArn"], json.dumps(definition, default=str).encode()


def _iter_jobs(aws: EmbeddedAws) -> Iterator[tuple[str, bytes]]:
    batch = make_client(aws, "batch")
    for queue in batch.describe_job_queues()["jobQueues"]:
        for state in STATES:
            arguments = {"jobQueue": queue["jobQueueName"], "jobStatus": state}
            pages = batch.get_paginator("list_jobs").paginate(**arguments)
            ids = [job["jobId"] for page in pages for job in page["jobSummaryList"]]
            for start in range(0, len(ids), 100):
                for job in batch.describe_jobs(jobs=ids[start : start + 100])["jobs"]:
                    yield job["jobArn"], json.dumps(job, default=str).encode()


def _iter_log_events(aws: EmbeddedAws) -> Iterator[tuple[str, bytes]]:
    logs = make_client(aws, "logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        for event in (each for page in pages for each in page["events"]):
            yield f"{name} {event['logStreamName']}", event["message"].encode()


def _iter_objects(aws: EmbeddedAws) -> Iterator[tuple[str, bytes]]:
    s3 = make_client(aws, "s3")
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for key in (each["Key"] for page in pages for each in page.get("Contents", [])):
            yield f"s3://{bucket}/{key}", s3.get_object(Bucket=bucket, Key=key)["Body"].read()
