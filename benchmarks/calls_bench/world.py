"""AWS Batch on a simulated clock: the embedded Batch's state machine, in memory."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.placement import Capacity

QUEUE = "queue"
START_PART = 0.1
"""The part of a job's time until its container runs."""

ENVIRONMENT = {
    "computeEnvironmentName": "environment",
    "type": "MANAGED",
    "computeResources": {
        "type": "EC2",
        "minvCpus": 0,
        "maxvCpus": 1_000_000,
        "instanceTypes": ["optimal"],
        "instanceRole": "ecsInstanceRole",
        "subnets": ["subnet-1"],
    },
}
ORDER = [{"order": 1, "computeEnvironment": "environment"}]


class SimulatedBatch:
    """A Batch whose jobs take as long as they are told to, and its clock.

    Its methods are those of boto3's client that are used; calls are counted by name, and answered
    at once. `sleep` is the only thing that moves the clock.
    """

    def __init__(self, durations: Sequence[float]) -> None:
        ids = itertools.count(1)
        self.now = 1_700_000_000.0
        self.calls: Counter[str] = Counter()
        self._durations = iter(durations)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._batch = Batch(
            Capacity(1_000_000, 1_000_000_000),
            read_now=lambda: self.now,
            make_id=lambda: f"00000000-{next(ids):08d}",
        )
        self._batch.handle("CreateComputeEnvironment", ENVIRONMENT)
        queue = {"jobQueueName": QUEUE, "priority": 1, "computeEnvironmentOrder": ORDER}
        self._batch.handle("CreateJobQueue", queue)

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and jobs start and end in it."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now = max(self.now, self._events[0][0])
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
            self._advance()
        self.now = end

    def describe_job_definitions(self, **request: Any) -> Any:
        """Answer as Batch does."""
        return self._answer("DescribeJobDefinitions", request)

    def register_job_definition(self, **request: Any) -> Any:
        """Answer as Batch does."""
        return self._answer("RegisterJobDefinition", request)

    def submit_job(self, **request: Any) -> Any:
        """Answer as Batch does; the job starts and ends in its time."""
        answer = self._answer("SubmitJob", request)
        self._advance()
        return answer

    def describe_jobs(self, **request: Any) -> Any:
        """Answer as Batch does."""
        return self._answer("DescribeJobs", request)

    def list_jobs(self, **request: Any) -> Any:
        """Answer as Batch does."""
        return self._answer("ListJobs", request)

    def _answer(self, operation: str, request: dict[str, Any]) -> Any:
        self.calls[operation] += 1
        return self._batch.handle(operation, request)

    def _advance(self) -> None:
        for order in self._batch.advance():
            if isinstance(order, StartOrder):
                self._plan(order.attempt_id, next(self._durations))

    def _plan(self, attempt_id: str, seconds: float) -> None:
        def start() -> None:
            self._batch.report_started(attempt_id)

        def end() -> None:
            self._batch.report_exited(attempt_id, [ContainerResult("default", 0, None)])

        for after, event in ((seconds * START_PART, start), (seconds, end)):
            heapq.heappush(self._events, (self.now + after, next(self._numbers), event))
