"""The one place that calls AWS Batch."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from snakemake_executor_plugin_batchx.aws.budget import Purpose
from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.retry import Patience, Retrier

DESCRIBED_AT_ONCE = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobQueues.html (maxResults) and
API_DescribeComputeEnvironments.html"""

DESCRIBE_JOBS_IDS = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html"""

DESCRIBE_DEFINITIONS_RESULTS = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobDefinitions.html"""

ENDED_AT_ONCE = 50
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html and
API_CancelJobs.html"""

LIST_JOBS_RESULTS = 1000
LIST_JOBS_FILTERED_RESULTS = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html"""

MAX_REASON_CHARACTERS = 1024

OPENING = Patience(seconds=20)
"""A queue is asked about when a run opens, while its user looks on."""

LOOK = Patience(seconds=5)
"""The next look comes anyway."""

PREPARATION = Patience(seconds=None)
ENDING = Patience(seconds=60)

SUBMISSION = Patience(seconds=None, is_repeatable=False)
"""Batch takes no client token: a call repeated after a lost answer may make two jobs."""

Answer = dict[str, Any]

T = TypeVar("T")


class BatchClient(Protocol):
    """The methods of boto3's Batch client that we use."""

    def describe_job_queues(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def describe_compute_environments(  # noqa: D102
        self,
        *,
        computeEnvironments: list[str],  # noqa: N803
    ) -> dict[str, Any]: ...

    def describe_consumable_resource(  # noqa: D102
        self,
        *,
        consumableResource: str,  # noqa: N803
    ) -> dict[str, Any]: ...

    def get_job_queue_snapshot(  # noqa: D102
        self,
        *,
        jobQueue: str,  # noqa: N803
    ) -> dict[str, Any]: ...

    def describe_job_definitions(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def register_job_definition(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def deregister_job_definition(  # noqa: D102
        self,
        *,
        jobDefinition: str,  # noqa: N803
    ) -> dict[str, Any]: ...

    def submit_job(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]: ...  # noqa: D102

    def list_jobs(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def cancel_job(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def cancel_jobs(self, *, jobs: list[str], reason: str) -> dict[str, Any]: ...  # noqa: D102

    def terminate_job(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def terminate_jobs(self, *, jobs: list[str], reason: str) -> dict[str, Any]: ...  # noqa: D102


def chunk(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in portions of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class BatchGateway:
    """The Batch calls that batchx makes, all through one retrier and so under one budget.

    Every method raises AwsError, one sentence, where AWS refuses, or stays out of reach for longer
    than the call can wait. Safe to use from many threads, as boto3's clients are.
    """

    def __init__(self, client: BatchClient, retrier: Retrier) -> None:
        self._client = client
        self._retrier = retrier

    def describe_queues(
        self, queues: Sequence[str], patience: Patience = OPENING
    ) -> list[dict[str, Any]]:
        """Return job queues by names or ARNs; those that are not there are missing."""
        found: list[dict[str, Any]] = []
        for portion in chunk(queues, DESCRIBED_AT_ONCE):
            call = functools.partial(self._client.describe_job_queues, jobQueues=list(portion))
            found += self._call("DescribeJobQueues", "submit", call, patience)["jobQueues"]
        return found

    def list_queues(self, patience: Patience = OPENING) -> list[dict[str, Any]]:
        """Return all job queues of the account in this region."""
        request = {"maxResults": DESCRIBED_AT_ONCE}
        found: list[dict[str, Any]] = []
        for answer in self._iter_pages(
            "DescribeJobQueues", "submit", self._client.describe_job_queues, request, patience
        ):
            found += answer["jobQueues"]
        return found

    def describe_compute_environments(
        self, arns: Sequence[str], patience: Patience = OPENING
    ) -> list[dict[str, Any]]:
        """Return compute environments by ARN."""
        found: list[dict[str, Any]] = []
        for portion in chunk(arns, DESCRIBED_AT_ONCE):
            call = functools.partial(
                self._client.describe_compute_environments, computeEnvironments=list(portion)
            )
            answer = self._call("DescribeComputeEnvironments", "submit", call, patience)
            found += answer["computeEnvironments"]
        return found

    def get_queue_snapshot(self, queue: str) -> dict[str, Any]:
        """Return which jobs are first in a queue, and how much of its capacity is in use."""
        call = functools.partial(self._client.get_job_queue_snapshot, jobQueue=queue)
        return self._call("GetJobQueueSnapshot", "watch", call, LOOK)

    def describe_consumable(self, name: str) -> dict[str, Any]:
        """Return a consumable resource by name or ARN; raises AwsError where there is none."""
        describe = self._client.describe_consumable_resource
        call = functools.partial(describe, consumableResource=name)
        return self._call("DescribeConsumableResource", "submit", call, OPENING)

    def find_definition(self, name: str) -> str | None:
        """Return the ARN of the newest active job definition of a name, None without one."""
        newest = self.describe_definition(name)
        return str(newest["jobDefinitionArn"]) if newest else None

    def describe_definition(self, name: str) -> dict[str, Any] | None:
        """Return an active job definition by name, name:revision or ARN, None without one."""
        if ":" in name:
            # Batch takes no other member beside this one (API_DescribeJobDefinitions).
            return self._find_newest({"jobDefinitions": [name]})
        return self._find_newest({"jobDefinitionName": name, "status": "ACTIVE"})

    def _find_newest(self, request: dict[str, Any]) -> dict[str, Any] | None:
        found = self._describe_definitions(request)
        revisions = [each for each in found if each["status"] == "ACTIVE"]
        return max(revisions, key=lambda each: int(each["revision"]), default=None)

    def list_definitions(self) -> list[dict[str, Any]]:
        """Return all active job definitions of the account in this region, whoever's they are."""
        return self._describe_definitions(
            {"status": "ACTIVE", "maxResults": DESCRIBE_DEFINITIONS_RESULTS}
        )

    def _describe_definitions(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for answer in self._iter_pages(
            *("DescribeJobDefinitions", "submit", self._client.describe_job_definitions),
            *(request, PREPARATION),
        ):
            found += answer["jobDefinitions"]
        return found

    def register_definition(self, request: dict[str, Any]) -> str:
        """Register a job definition; return its ARN.

        Where an answer was lost it is registered again, as an equal revision.
        """
        call = functools.partial(self._client.register_job_definition, **request)
        answer = self._call("RegisterJobDefinition", "submit", call, PREPARATION)
        return str(answer["jobDefinitionArn"])

    def deregister_definition(self, arn: str) -> None:
        """Make a job definition inactive, so that no job can be submitted with it any more.

        Where an answer was lost it is asked for again.
        """
        call = functools.partial(self._client.deregister_job_definition, jobDefinition=arn)
        self._call("DeregisterJobDefinition", "cancel", call, ENDING)

    def submit_job(self, request: dict[str, Any]) -> str:
        """Submit a job; return its id.

        Only what Batch surely did not take is sent again. Raises UnansweredError where nobody knows
        whether Batch took it.
        """
        call = functools.partial(self._client.submit_job, **request)
        return str(self._call("SubmitJob", "submit", call, SUBMISSION)["jobId"])

    def describe_jobs(
        self,
        job_ids: Sequence[str],
        purpose: Purpose = "watch",
        patience: Patience | None = None,
    ) -> list[dict[str, Any]]:
        """Return what Batch tells of jobs; those it does not know are missing in the answer."""
        patience = patience or (ENDING if purpose == "cancel" else LOOK)
        found: list[dict[str, Any]] = []
        for portion in chunk(job_ids, DESCRIBE_JOBS_IDS):
            call = functools.partial(self._client.describe_jobs, jobs=list(portion))
            found += self._call("DescribeJobs", purpose, call, patience)["jobs"]
        return found

    def list_children(self, array_job_id: str, status: str) -> list[dict[str, Any]]:
        """Return the children of an array job that have a status (RUNNING, …), as summaries."""
        request = {
            "arrayJobId": array_job_id,
            "jobStatus": status,
            "maxResults": LIST_JOBS_RESULTS,
        }
        return self._list_jobs(request, "watch", LOOK)

    def find_jobs_by_name(
        self, queue: str, name: str, purpose: Purpose = "watch"
    ) -> list[dict[str, Any]]:
        """Return summaries of a queue's jobs of a name, newest first, whatever their status.

        Case does not matter, and a trailing * stands for any end. Array children have no names of
        their own and are not among them. A job just submitted may be missing still.
        """
        request = {
            "jobQueue": queue,
            "filters": [{"name": "JOB_NAME", "values": [name]}],
            "maxResults": LIST_JOBS_FILTERED_RESULTS,
        }
        return self._list_jobs(request, purpose, ENDING if purpose == "cancel" else PREPARATION)

    def _list_jobs(
        self, request: dict[str, Any], purpose: Purpose, patience: Patience
    ) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        for answer in self._iter_pages(
            "ListJobs", purpose, self._client.list_jobs, request, patience
        ):
            jobs += answer["jobSummaryList"]
        return jobs

    def terminate_jobs(self, job_ids: Sequence[str], reason: str) -> list[str]:
        """End jobs, waiting or running; return a sentence for each that could not be ended.

        Fifty a call where this botocore knows TerminateJobs, one a call where it does not. Where
        Batch stays out of reach, the jobs that are left are not tried, and told of in one sentence.
        """
        reason = reason[:MAX_REASON_CHARACTERS]
        is_bulk = hasattr(self._client, "terminate_jobs")
        size = ENDED_AT_ONCE if is_bulk else 1
        problems = []
        for number, portion in enumerate(chunk(job_ids, size)):
            try:
                problems += self._terminate(list(portion), reason, is_bulk=is_bulk)
            except AwsError as error:
                problems.append(f"{', '.join(portion)} could not be ended: {error}")
                left = len(job_ids) - (number + 1) * size
                if error.is_transient and left > 0:
                    return [*problems, f"{left} more jobs were not ended, for the same reason."]
        return problems

    def _terminate(self, ids: list[str], reason: str, *, is_bulk: bool) -> list[str]:
        if not is_bulk:
            (job_id,) = ids
            call = functools.partial(self._client.terminate_job, jobId=job_id, reason=reason)
            self._call("TerminateJob", "cancel", call, ENDING)
            return []
        call = functools.partial(self._client.terminate_jobs, jobs=ids, reason=reason)
        answer = self._call("TerminateJobs", "cancel", call, ENDING)
        return [f"{e['job']} could not be ended: {e['message']}" for e in answer["errors"]]

    def cancel_jobs(self, job_ids: Sequence[str], reason: str) -> dict[str, str]:
        """Ask Batch to end jobs that have not begun; return why, by id, for those it refuses.

        What is STARTING or RUNNING by then goes on, and is none of those. Fifty a call where this
        botocore knows CancelJobs. Where Batch stays out of reach, the jobs left are not tried.
        """
        is_bulk = hasattr(self._client, "cancel_jobs")
        size = ENDED_AT_ONCE if is_bulk else 1
        refused: dict[str, str] = {}
        for number, portion in enumerate(chunk(job_ids, size)):
            try:
                refused |= self._cancel(list(portion), reason, is_bulk=is_bulk)
            except AwsError as error:
                if error.is_transient:
                    return refused | dict.fromkeys(job_ids[number * size :], str(error))
                refused |= dict.fromkeys(portion, str(error))
        return refused

    def _cancel(self, ids: list[str], reason: str, *, is_bulk: bool) -> dict[str, str]:
        if not is_bulk:
            (job_id,) = ids
            call = functools.partial(self._client.cancel_job, jobId=job_id, reason=reason)
            self._call("CancelJob", "cancel", call, LOOK)
            return {}
        call = functools.partial(self._client.cancel_jobs, jobs=ids, reason=reason)
        answer = self._call("CancelJobs", "cancel", call, LOOK)
        return {each["job"]: each["message"] for each in answer["errors"]}

    def _iter_pages(
        self,
        operation: str,
        purpose: Purpose,
        method: Callable[..., Answer],
        request: dict[str, Any],
        patience: Patience,
    ) -> Iterator[Answer]:
        """Yield the answers of a call that gives a nextToken while there is more."""
        token: dict[str, str] = {}
        while True:
            call = functools.partial(method, **request, **token)
            answer = self._call(operation, purpose, call, patience)
            yield answer
            if not answer.get("nextToken"):
                return
            token = {"nextToken": answer["nextToken"]}

    def _call(
        self, operation: str, purpose: Purpose, call: Callable[[], Answer], patience: Patience
    ) -> Answer:
        return self._retrier.call(operation, purpose, call, patience)
