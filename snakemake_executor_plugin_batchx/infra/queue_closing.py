"""The end of a stack's job queues: no job is taken any more, and those that are left end.

Deleting a queue ends its jobs as well, but after what they write to is gone. These are calls of an
administrator: batch/gateway.py makes those that the policies of heads allow (permissions/).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.asking import ask_aws, iter_pages

LIVE_STATUSES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
GONE_STATUSES = frozenset({"DELETING", "DELETED"})

REASON = "batchx infra down: the queue is being deleted"

POLL_SECONDS = 5.0
PATIENCE_SECONDS = 900.0
"""How long jobs may take to end: ECS kills a container 30 seconds after it asked it to stop, but
an instance that just starts takes minutes to be told."""


class BatchClient(Protocol):
    """The methods of boto3's Batch client that we use."""

    def describe_job_queues(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def update_job_queue(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def list_jobs(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def terminate_job(self, **request: str) -> dict[str, Any]: ...  # noqa: D102


class QueueCloser:
    """Closes job queues. Every method raises AwsError where Batch refuses. Safe to repeat."""

    def __init__(
        self, client: BatchClient, sleep: Callable[[float], None], tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._tell = tell

    def close(self, queues: Sequence[str]) -> None:
        """Disable queues (ARNs) and wait until no job of theirs is left.

        Raises BatchxError where jobs go on for longer than that should take.
        """
        present = self._find_present(queues)
        for queue in present:
            self._disable(queue)
        waited, told = 0.0, 0
        asked: set[str] = set()
        while jobs := [job for queue in present for job in self._iter_live_jobs(queue)]:
            for job in jobs:
                if job not in asked:
                    self._terminate(job)
            asked |= set(jobs)
            if waited >= PATIENCE_SECONDS:
                raise BatchxError(
                    f"{_count_jobs(len(jobs))} not ended after {waited / 60:.0f} minutes "
                    f"({jobs[0]}), so nothing was deleted: look at it (aws batch describe-jobs "
                    f"--jobs {jobs[0]}), and run this again."
                )
            if len(asked) > told:
                self._tell(f"{_count_jobs(len(jobs))} being ended: what is left of them is awaited")
                told = len(asked)
            self._sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def _find_present(self, queues: Sequence[str]) -> list[str]:
        if not queues:
            return []
        answer = ask_aws(
            "batch:DescribeJobQueues",
            lambda: self._client.describe_job_queues(jobQueues=list(queues)),
        )
        return [
            str(each["jobQueueArn"])
            for each in answer["jobQueues"]
            if each.get("status") not in GONE_STATUSES
        ]

    def _disable(self, queue: str) -> None:
        """Have a queue take no more jobs; those in it go on.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateJobQueue.html
        """
        ask_aws(
            "batch:UpdateJobQueue",
            lambda: self._client.update_job_queue(jobQueue=queue, state="DISABLED"),
        )

    def _iter_live_jobs(self, queue: str) -> Iterator[str]:
        """Yield the ids of jobs that have not ended; of an array, the parent's."""
        for status in LIVE_STATUSES:
            request = {"jobQueue": queue, "jobStatus": status}
            for page in iter_pages("batch:ListJobs", self._client.list_jobs, request):
                yield from (str(each["jobId"]) for each in page["jobSummaryList"])

    def _terminate(self, job: str) -> None:
        ask_aws("batch:TerminateJob", lambda: self._client.terminate_job(jobId=job, reason=REASON))


def _count_jobs(number: int) -> str:
    return f"{number} job is" if number == 1 else f"{number} jobs are"
