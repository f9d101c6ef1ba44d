"""The one place that calls AWS Batch."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import botocore.exceptions

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.errors import AwsError, explain_error

DESCRIBE_JOBS_IDS = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html"""

TERMINATE_JOBS_IDS = 50
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html"""

MAX_REASON_CHARACTERS = 1024

T = TypeVar("T")


class BatchClient(Protocol):
    """The methods of boto3's Batch client that we use."""

    def describe_job_queues(self, *, jobQueues: list[str]) -> dict[str, Any]: ...  # noqa: N803, D102

    def describe_compute_environments(  # noqa: D102
        self,
        *,
        computeEnvironments: list[str],  # noqa: N803
    ) -> dict[str, Any]: ...

    def describe_job_definitions(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def register_job_definition(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def submit_job(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]: ...  # noqa: D102

    def terminate_job(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def terminate_jobs(self, *, jobs: list[str], reason: str) -> dict[str, Any]: ...  # noqa: D102


def chunk(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in portions of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class BatchGateway:
    """The Batch calls that batchx makes, all under one budget.

    Every method raises AwsError, one sentence, where AWS refuses or stays out of reach. Safe to
    use from many threads, as boto3's clients are.
    """

    def __init__(self, client: BatchClient, budget: CallBudget) -> None:
        self._client = client
        self._budget = budget

    def describe_queue(self, queue: str) -> dict[str, Any] | None:
        """Return a job queue by name or ARN, None where there is none."""
        found = self._call(
            "DescribeJobQueues", lambda: self._client.describe_job_queues(jobQueues=[queue])
        )["jobQueues"]
        return found[0] if found else None

    def describe_compute_environments(self, arns: Sequence[str]) -> list[dict[str, Any]]:
        """Return compute environments by ARN."""
        answer = self._call(
            "DescribeComputeEnvironments",
            lambda: self._client.describe_compute_environments(computeEnvironments=list(arns)),
        )
        return list(answer["computeEnvironments"])

    def find_definition(self, name: str) -> str | None:
        """Return the ARN of the newest active job definition of a name, None without one."""
        newest = self._find_newest({"jobDefinitionName": name})
        return str(newest["jobDefinitionArn"]) if newest else None

    def describe_definition(self, name: str) -> dict[str, Any] | None:
        """Return an active job definition by name, name:revision or ARN, None without one."""
        if ":" in name:
            return self._find_newest({"jobDefinitions": [name]})
        return self._find_newest({"jobDefinitionName": name})

    def _find_newest(self, selection: dict[str, Any]) -> dict[str, Any] | None:
        request: dict[str, Any] = {**selection, "status": "ACTIVE"}
        revisions: list[dict[str, Any]] = []
        while True:
            answer = self._call(
                "DescribeJobDefinitions",
                lambda: self._client.describe_job_definitions(**request),
            )
            revisions += answer["jobDefinitions"]
            if not answer.get("nextToken"):
                break
            request["nextToken"] = answer["nextToken"]
        return max(revisions, key=lambda found: int(found["revision"]), default=None)

    def register_definition(self, request: dict[str, Any]) -> str:
        """Register a job definition; return its ARN."""
        answer = self._call(
            "RegisterJobDefinition", lambda: self._client.register_job_definition(**request)
        )
        return str(answer["jobDefinitionArn"])

    def submit_job(self, request: dict[str, Any]) -> str:
        """Submit a job; return its id.

        Batch takes no client token, so a call repeated after a lost answer may make two jobs: the
        lease in S3 lets one of them run (job/lease.py).
        """
        return str(self._call("SubmitJob", lambda: self._client.submit_job(**request))["jobId"])

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what Batch tells of jobs; those it does not know are missing in the answer."""
        found: list[dict[str, Any]] = []
        for portion in chunk(job_ids, DESCRIBE_JOBS_IDS):
            answer = self._call(
                "DescribeJobs", functools.partial(self._client.describe_jobs, jobs=list(portion))
            )
            found += answer["jobs"]
        return found

    def terminate_jobs(self, job_ids: Sequence[str], reason: str) -> list[str]:
        """End jobs, waiting or running; return a sentence for each that could not be ended.

        Fifty a call where this botocore knows TerminateJobs, one a call where it does not.
        """
        reason = reason[:MAX_REASON_CHARACTERS]
        is_bulk = hasattr(self._client, "terminate_jobs")
        problems = []
        for portion in chunk(job_ids, TERMINATE_JOBS_IDS if is_bulk else 1):
            try:
                problems += self._terminate(list(portion), reason, is_bulk=is_bulk)
            except AwsError as error:
                problems.append(f"{', '.join(portion)} could not be ended: {error}")
        return problems

    def _terminate(self, ids: list[str], reason: str, *, is_bulk: bool) -> list[str]:
        if not is_bulk:
            (job_id,) = ids
            request = {"jobId": job_id, "reason": reason}
            self._call("TerminateJob", lambda: self._client.terminate_job(**request))
            return []
        answer = self._call(
            "TerminateJobs", lambda: self._client.terminate_jobs(jobs=ids, reason=reason)
        )
        return [f"{e['jobId']} could not be ended: {e['message']}" for e in answer["errors"]]

    def _call(self, operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._budget.spend(operation)
        try:
            return call()
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise explain_error(error, f"batch:{operation}") from error
