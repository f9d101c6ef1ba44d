"""Jobs as DescribeJobs and ListJobs show them.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html and
API_JobSummary.html
"""

from __future__ import annotations

from snakemake_executor_plugin_batchx.local.consumables import make_properties
from snakemake_executor_plugin_batchx.local.jobs import Attempt, Job, JobState
from snakemake_executor_plugin_batchx.local.overrides import DEFAULT_CONTAINER
from snakemake_executor_plugin_batchx.local.shapes import JsonObject


def describe_job(job: Job) -> JsonObject:
    """The job as DescribeJobs returns it."""
    detail: JsonObject = {
        **_describe_common(job),
        "jobQueue": job.queue.arn,
        "attempts": [_describe_attempt(job, each) for each in job.attempts if each.stopped_at],
        "retryStrategy": job.retry_strategy,
        "dependsOn": job.request.get("dependsOn", []),
        "jobDefinition": job.definition.arn,
        "parameters": read_parameters(job),
        "tags": {} if job.parent is not None else dict(job.tags),
        "propagateTags": job.is_propagating_tags,
        "platformCapabilities": job.definition.request.get("platformCapabilities", ["EC2"]),
        # The API demands startedAt, and Batch leaves it out until there is one.
        **_describe_array(job),
        **make_properties(job.needs),
    }
    if job.share_identifier is not None:
        detail["schedulingPriority"] = job.scheduling_priority
    if job.timeout_seconds is not None:
        detail["timeout"] = {"attemptDurationSeconds": job.timeout_seconds}
    if "containerProperties" in job.definition.request:
        detail["container"] = _describe_container(job)
    else:
        detail["ecsProperties"] = {"taskProperties": [_describe_task(job)]}
    return detail


def summarize_job(job: Job) -> JsonObject:
    """The job as ListJobs returns it."""
    summary = {
        **_describe_common(job),
        "jobDefinition": job.definition.arn,
        **_describe_array(job),
    }
    attempt = job.current_attempt
    if attempt is not None and attempt.results and job.is_terminal:
        result = attempt.results[0]
        shown = {"exitCode": result.exit_code, "reason": result.reason}
        summary["container"] = _drop_none(shown)
    return summary


def read_parameters(job: Job) -> dict[str, str]:
    """The definition's parameters with the job's."""
    return {**job.definition.request.get("parameters", {}), **job.request.get("parameters", {})}


def _describe_common(job: Job) -> JsonObject:
    return _drop_none(
        {
            "jobArn": job.arn,
            "jobId": job.job_id,
            "jobName": job.name,
            "status": job.state.value,
            "statusReason": job.status_reason,
            "createdAt": job.created_at,
            "startedAt": job.started_at,
            "stoppedAt": job.stopped_at,
            "shareIdentifier": job.share_identifier,
            "isCancelled": job.is_cancelled,
            "isTerminated": job.is_terminated,
        }
    )


def _describe_array(job: Job) -> JsonObject:
    if job.is_array_parent:
        counts = {state.value: job.child_counts[state] for state in JobState}
        return {"arrayProperties": {"size": job.size, "statusSummary": counts}}
    if job.index is not None:
        return {"arrayProperties": {"index": job.index}}
    return {}


def _describe_attempt(job: Job, attempt: Attempt) -> JsonObject:
    detail = _drop_none(
        {
            "startedAt": attempt.started_at,
            "stoppedAt": attempt.stopped_at,
            "statusReason": attempt.status_reason,
        }
    )
    if "containerProperties" in job.definition.request:
        detail["container"] = {
            **_describe_place(attempt),
            **_describe_end(attempt, DEFAULT_CONTAINER),
        }
        return detail
    containers = [
        {"name": each["name"], **_describe_end(attempt, each["name"])}
        for each in job.task["containers"]
    ]
    detail["container"] = {"networkInterfaces": []}
    detail["taskProperties"] = [{**_describe_place(attempt), "containers": containers}]
    return detail


def _describe_container(job: Job) -> JsonObject:
    detail = {**job.task["containers"][0], "networkInterfaces": []}
    detail.pop("name")
    attempt = job.current_attempt
    if attempt is not None:
        detail |= {**_describe_place(attempt), **_describe_end(attempt, DEFAULT_CONTAINER)}
    return detail


def _describe_task(job: Job) -> JsonObject:
    attempt = job.current_attempt
    if attempt is None:
        return {**job.task, "containers": [dict(each) for each in job.task["containers"]]}
    containers = [
        {**each, **_describe_end(attempt, each["name"])} for each in job.task["containers"]
    ]
    return {**job.task, **_describe_place(attempt), "containers": containers}


def _describe_place(attempt: Attempt) -> JsonObject:
    shown = {"containerInstanceArn": attempt.instance_arn, "taskArn": attempt.task_arn}
    return _drop_none(shown)


def _describe_end(attempt: Attempt, name: str) -> JsonObject:
    result = attempt.find_result(name)
    # The stream is known once the container runs; where it never started there is none.
    stream = attempt.log_streams.get(name) if attempt.started_at is not None else None
    shown = {"exitCode": result.exit_code, "reason": result.reason, "logStreamName": stream}
    return {**_drop_none(shown), "networkInterfaces": []}


def _drop_none(members: JsonObject) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}
