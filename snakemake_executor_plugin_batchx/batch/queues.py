"""The job queues of a run, each looked at once."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.retry import Patience
from snakemake_executor_plugin_batchx.batch.gateway import OPENING, PREPARATION
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.platform import (
    Platform,
    interpret_queue,
    list_queue_problems,
)


class QueueDescriber(Protocol):
    """What is needed of the Batch gateway."""

    def describe_queues(self, queues: Sequence[str], patience: Patience) -> list[dict[str, Any]]:
        """Return job queues by names or ARNs; those that are not there are missing."""

    def describe_compute_environments(
        self, arns: Sequence[str], patience: Patience
    ) -> list[dict[str, Any]]:
        """Return compute environments by ARN."""


class Queues:
    """What queues run jobs on, by the names or ARNs that users give. Safe to use from many threads.

    `region` is told where a queue is not there.
    """

    def __init__(self, describer: QueueDescriber, region: str) -> None:
        self._describer = describer
        self._region = region
        self._lock = threading.Lock()
        self._found: dict[str, Platform | BatchxError] = {}

    def inspect(self, queues: Mapping[str, str]) -> list[str]:
        """Look at queues together, in two calls; return a sentence for each problem.

        Each with who names it, "" where that need not be told. Raises AwsError where Batch cannot
        be asked for a while.
        """
        with self._lock:
            unknown = {queue: queues[queue] for queue in queues if queue not in self._found}
            if unknown:
                self._found |= self._look_up(unknown, OPENING)
            found = [self._found[queue] for queue in queues]
        return [str(each) for each in found if isinstance(each, BatchxError)]

    def get(self, queue: str) -> Platform:
        """Return what a queue is, looked at now if it was not before, however long that takes.

        Raises BatchxError where it cannot run jobs; later it may.
        """
        with self._lock:
            found = self._found.get(queue)
            if found is None:
                found = self._look_up({queue: ""}, PREPARATION)[queue]
                if isinstance(found, Platform):
                    self._found[queue] = found
        if isinstance(found, BatchxError):
            raise BatchxError(str(found))
        return found

    def list_known(self) -> list[Platform]:
        """Return the queues that were looked at and can run jobs."""
        with self._lock:
            return [each for each in self._found.values() if isinstance(each, Platform)]

    def _look_up(
        self, queues: Mapping[str, str], patience: Patience
    ) -> dict[str, Platform | BatchxError]:
        details: dict[str, dict[str, Any]] = {}
        for detail in self._describer.describe_queues(list(queues), patience):
            details |= {detail["jobQueueName"]: detail, detail["jobQueueArn"]: detail}
        arns = {
            each["computeEnvironment"]
            for queue in queues
            for each in details.get(queue, {}).get("computeEnvironmentOrder", ())
        }
        described = (
            self._describer.describe_compute_environments(sorted(arns), patience) if arns else ()
        )
        environments = {each["computeEnvironmentArn"]: each for each in described}
        return {
            queue: self._judge(queue, who, details.get(queue), environments)
            for queue, who in queues.items()
        }

    def _judge(
        self,
        queue: str,
        who: str,
        detail: Mapping[str, Any] | None,
        environments: Mapping[str, Mapping[str, Any]],
    ) -> Platform | BatchxError:
        named = f"Job queue {queue} ({who})" if who else f"Job queue {queue}"
        if detail is None:
            return BatchxError(
                f"{named} does not exist in region {self._region}: check its name, and "
                "--batchx-region."
            )
        order = sorted(detail["computeEnvironmentOrder"], key=lambda each: each["order"])
        missing = [
            e["computeEnvironment"] for e in order if e["computeEnvironment"] not in environments
        ]
        if missing:
            return BatchxError(
                f"{named} has compute environments that are not there ({', '.join(missing)}): mend "
                "it, or name another."
            )
        of_queue = [environments[each["computeEnvironment"]] for each in order]
        problems = list_queue_problems(named, detail, of_queue)
        if problems:
            return BatchxError("\n".join(problems))
        return interpret_queue(queue, detail, of_queue)
