"""The job queues of a run, each looked at once."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.retry import Patience
from snakemake_executor_plugin_batchx.batch.gateway import OPENING, PREPARATION
from snakemake_executor_plugin_batchx.checks.queues import QueueFacts, list_failures
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize, is_worth_asking
from snakemake_executor_plugin_batchx.plan.platform import (
    Platform,
    find_instance_types,
    interpret_queue,
)

Largest = Mapping[str, tuple[float, float, float]]
"""The most vCPUs, MiB of memory and GPUs that a job asks of each queue."""


class QueueDescriber(Protocol):
    """What is needed of the Batch gateway."""

    def describe_queues(self, queues: Sequence[str], patience: Patience) -> list[dict[str, Any]]:
        """Return job queues by names or ARNs; those that are not there are missing."""

    def list_queues(self, patience: Patience) -> list[dict[str, Any]]:
        """Return all job queues."""

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
        self._views: dict[str, QueueFacts] = {}

    def inspect(self, queues: Mapping[str, str]) -> list[str]:
        """Look at queues together, in two calls; return a sentence for each problem.

        Each with who names it, "" where that need not be told. A third call tells what queues there
        are where one is not. Raises AwsError where Batch cannot be asked for a while.
        """
        with self._lock:
            unknown = {queue: queues[queue] for queue in queues if queue not in self._found}
            if unknown:
                self._look_up(unknown, OPENING)
            found = [self._found[queue] for queue in queues]
        return [str(each) for each in found if isinstance(each, BatchxError)]

    def get(self, queue: str) -> Platform:
        """Return what a queue is, looked at now if it was not before, however long that takes.

        Raises BatchxError where it cannot run jobs; later it may.
        """
        with self._lock:
            found = self._found.get(queue)
            if found is None:
                self._look_up({queue: ""}, PREPARATION)
                found = self._found[queue]
                if isinstance(found, BatchxError):
                    del self._found[queue]
        if isinstance(found, BatchxError):
            raise BatchxError(str(found))
        return found

    def find_known(self, queue: str) -> Platform | None:
        """Return what a queue is if it was looked at and can run jobs; waits for nobody."""
        found = self._found.get(queue)  # without the lock, which is held while Batch is asked
        return found if isinstance(found, Platform) else None

    def name_doubtful_types(self, largest: Largest) -> frozenset[str]:
        """Return the types, families and bundles of instances that a job may be too large for.

        Those of an embedded Batch are none of them.
        """
        with self._lock:
            return frozenset[str]().union(*self._find_doubtful(largest).values())

    def learn_sizes(self, largest: Largest, found: Mapping[str, tuple[InstanceSize, ...]]) -> None:
        """Learn how large the instances of queues are, by the names of `name_doubtful_types`.

        Of a queue of whose names one is missing, nothing is learnt.
        """
        with self._lock:
            for platform, types in self._find_doubtful(largest).items():
                if types <= found.keys():
                    sizes = {size for name in types for size in found[name]}
                    ordered = sorted(sizes, key=lambda e: (-e.vcpus, -e.memory_mib, e.name))
                    self._found[platform.queue] = replace(platform, instance_sizes=tuple(ordered))

    def _find_doubtful(self, largest: Largest) -> dict[Platform, frozenset[str]]:
        """Return the queues that a job may find no room on, with the names of their types."""
        return {
            platform: types
            for queue, asked in largest.items()
            if isinstance(platform := self._found.get(queue), Platform)
            and not platform.local_runner
            and (types := find_instance_types(self._views[queue].environments))
            and is_worth_asking(types, *asked)
        }

    def list_known(self) -> list[Platform]:
        """Return the queues that were looked at and can run jobs."""
        with self._lock:
            return [each for each in self._found.values() if isinstance(each, Platform)]

    def list_views(self) -> list[QueueFacts]:
        """Return the queues that were looked at, as Batch told of them."""
        with self._lock:
            return list(self._views.values())

    def _look_up(self, queues: Mapping[str, str], patience: Patience) -> None:
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
        others = self._list_others(patience) if any(q not in details for q in queues) else None
        for queue, who in queues.items():
            view = QueueFacts(queue, self._region, who, others=others)
            if queue in details:
                view = _make_view(view, details[queue], environments)
            self._views[queue] = view
            self._found[queue] = _judge(view)

    def _list_others(self, patience: Patience) -> tuple[str, ...] | None:
        """Return the queues that are there; None where that may not be asked."""
        try:
            return tuple(sorted(q["jobQueueName"] for q in self._describer.list_queues(patience)))
        except AwsError:
            return None


def _make_view(
    empty: QueueFacts, detail: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]
) -> QueueFacts:
    order = sorted(detail["computeEnvironmentOrder"], key=lambda each: each["order"])
    arns = [each["computeEnvironment"] for each in order]
    return replace(
        empty,
        detail=detail,
        environments=tuple(environments[arn] for arn in arns if arn in environments),
        missing=tuple(arn for arn in arns if arn not in environments),
    )


def _judge(view: QueueFacts) -> Platform | BatchxError:
    failures = list_failures(view)
    if failures or view.detail is None:
        return BatchxError("\n".join(each.sentence for each in failures))
    return interpret_queue(view.queue, view.detail, view.environments)
