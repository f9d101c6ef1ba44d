"""The API's calls about jobs: submit, describe, cancel, terminate, snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.local.checks import check_bound
from snakemake_executor_plugin_batchx.local.jobs import Job
from snakemake_executor_plugin_batchx.local.lifecycle import Lifecycle
from snakemake_executor_plugin_batchx.local.placement import Placement
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.store import JobStore
from snakemake_executor_plugin_batchx.local.submission import Submitter
from snakemake_executor_plugin_batchx.local.views import describe_job

SNAPSHOT_JOBS = 100
"""Jobs that GetJobQueueSnapshot shows. Source: API_GetJobQueueSnapshot."""


@dataclass
class JobCalls:
    """One method per operation; each takes and returns what boto3 does."""

    store: JobStore
    submitter: Submitter
    lifecycle: Lifecycle
    placement: Placement
    read_now_ms: Callable[[], int]

    def submit(self, request: JsonObject) -> JsonObject:
        """SubmitJob.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        jobs = self.submitter.submit(request)
        for job in jobs:
            self.lifecycle.enter(job)
        return {"jobArn": jobs[0].arn, "jobName": jobs[0].name, "jobId": jobs[0].job_id}

    def describe(self, request: JsonObject) -> JsonObject:
        """DescribeJobs: up to 100 ids; unknown ones are silently missing.

        Raises:
            ClientError: more than 100 ids.
        """
        check_bound("describe_jobs", len(request["jobs"]))
        found = [self.store.find(job_id) for job_id in dict.fromkeys(request["jobs"])]
        return {"jobs": [describe_job(job) for job in found if job is not None]}

    def cancel(self, request: JsonObject) -> JsonObject:
        """CancelJob; succeeds whatever the job's state, and for unknown ids.

        Raises:
            ClientError: the reason is too long.
        """
        self._end_each([request["jobId"]], request["reason"], self.lifecycle.cancel)
        return {}

    def terminate(self, request: JsonObject) -> JsonObject:
        """TerminateJob; succeeds whatever the job's state, and for unknown ids.

        Raises:
            ClientError: the reason is too long.
        """
        self._end_each([request["jobId"]], request["reason"], self.lifecycle.terminate)
        return {}

    def cancel_many(self, request: JsonObject) -> JsonObject:
        """CancelJobs: up to 50 ids.

        Raises:
            ClientError: too many ids, or the reason is too long.
        """
        check_bound("bulk_jobs", len(request["jobs"]))
        return self._end_each(request["jobs"], request["reason"], self.lifecycle.cancel)

    def terminate_many(self, request: JsonObject) -> JsonObject:
        """TerminateJobs: up to 50 ids.

        Raises:
            ClientError: too many ids, or the reason is too long.
        """
        check_bound("bulk_jobs", len(request["jobs"]))
        return self._end_each(request["jobs"], request["reason"], self.lifecycle.terminate)

    def snapshot(self, request: JsonObject) -> JsonObject:
        """GetJobQueueSnapshot: the first RUNNABLE jobs in the order in which they wait.

        Raises:
            ClientError: no such queue.
        """
        queue = self.store.queues.find(request["jobQueue"])
        front = [
            {"jobArn": job.arn, "earliestTimeAtPosition": job.runnable_at}
            for job in self.placement.list_front(queue, SNAPSHOT_JOBS)
        ]
        return {"frontOfQueue": {"jobs": front, "lastUpdatedAt": self.read_now_ms()}}

    def _end_each(
        self, job_ids: list[str], reason: str, end: Callable[[Job, str], None]
    ) -> JsonObject:
        check_bound("reason_length", len(reason))
        for job_id in job_ids:
            job = self.store.find(job_id)
            if job is not None:
                end(job, reason)
        # "Jobs that can't be found are treated as successfully processed" (API_TerminateJobs).
        return {"successful": job_ids, "errors": []}
