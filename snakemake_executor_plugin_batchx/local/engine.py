"""The thread that drives the Batch.

It sleeps until a call, a report or a deadline, lets the jobs advance and passes the orders on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.environments import ComputeEnvironment
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import KillOrder, StartOrder, StopOrder
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

# Calls that change nothing need not wake the thread.
READING = ("Describe", "List", "Get")


class Engine:
    """One lock around a Batch, and its runner. Implements RunnerEvents.

    Args:
        batch: the state machine.
        make_runner: makes the runner that reports to this engine.
    """

    def __init__(self, batch: Batch, make_runner: Callable[[RunnerEvents], Runner]):
        self._batch = batch
        self._condition = threading.Condition()
        self._is_due = False
        self._is_closing = False
        self._runner = make_runner(self)
        self._thread = threading.Thread(target=self._drive, name="batchx-batch", daemon=True)
        self._thread.start()

    def call(self, operation: str, parameters: JsonObject) -> JsonObject:
        """Answers a call of the API.

        Raises:
            BatchError: what the API answers with instead.
        """
        with self._condition:
            answer = self._batch.handle(operation, parameters)
            if not operation.startswith(READING):
                self._wake()
            return answer

    def list_environments(self) -> list[ComputeEnvironment]:
        """The compute environments that there are now."""
        with self._condition:
            return list(self._batch.environments.environments.values())

    def find_tags(self, arn: str) -> dict[str, str]:
        """The tags of a resource; none where there is no such resource."""
        try:
            tags: dict[str, str] = self.call("ListTagsForResource", {"resourceArn": arn})["tags"]
        except ClientError:
            return {}
        return tags

    def report_started(self, attempt_id: str) -> None:
        """See RunnerEvents."""
        with self._condition:
            self._batch.report_started(attempt_id)
            self._wake()

    def report_exited(self, attempt_id: str, results: Sequence[ContainerResult]) -> None:
        """See RunnerEvents."""
        with self._condition:
            self._batch.report_exited(attempt_id, results)
            self._wake()

    def report_host_lost(self, attempt_id: str, instance_id: str) -> None:
        """See RunnerEvents."""
        with self._condition:
            self._batch.report_host_lost(attempt_id, instance_id)
            self._wake()

    def close(self) -> None:
        """Stops driving, then closes the runner: its jobs are killed."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join()
        self._runner.close()

    def _wake(self) -> None:
        self._is_due = True
        self._condition.notify()

    def _drive(self) -> None:
        while True:
            with self._condition:
                self._wait()
                if self._is_closing:
                    return
                self._is_due = False
                orders = self._batch.advance()
            for order in orders:
                match order:
                    case StartOrder():
                        self._runner.start(order)
                    case StopOrder(attempt_id):
                        self._runner.stop(attempt_id)
                    case KillOrder(attempt_id):
                        self._runner.kill(attempt_id)

    def _wait(self) -> None:
        """Until the Batch should advance, or the engine closes."""
        while not (self._is_due or self._is_closing):
            deadline = self._batch.find_next_deadline()
            patience = None if deadline is None else deadline - self._batch.read_now()
            if patience is not None and patience <= 0:
                return
            self._condition.wait(patience)
