"""``python -m e2e.trouble_server``: an embedded AWS with containers and queues that mean trouble.

It begins when a tool says that it has begun: on queue `spot-once` a job loses its first host then,
on `spot` every one, and on `hasty` ten minutes have passed. The arguments are the folders of the
job runtime.
Prints one line of JSON, the fields of EmbeddedAws, and serves until its stdin ends.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.engine import Engine
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.launch import DOCKER, RuntimeTrees
from snakemake_executor_plugin_batchx.local.log_sink import LogSink
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.serving import (
    IsAssumable,
    RunnerPlan,
    open_runner,
    serve_embedded_aws,
)

SPOT_QUEUES = {"spot-once": 1, "spot": 10}
"""How many of a job's attempts lose their host."""

INSTANCE = "i-0123456789abcdef0"

HASTY_QUEUE = "hasty"
HASTY_SECONDS = 600.0

WORD = "begun"
"""What a tool says before trouble begins."""


class HastyClock:
    """The time of day, which can be set forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def read(self) -> float:
        return time.time() + self._ahead

    def hasten(self) -> None:
        self._ahead += HASTY_SECONDS


class ListeningSink:
    """A LogSink that tells of the streams in which a tool says the word."""

    def __init__(self, logs: LogSink, tell: Callable[[str], object]) -> None:
        self._logs = logs
        self._tell = tell
        self.has_group = logs.has_group
        self.create_group = logs.create_group
        self.create_stream = logs.create_stream
        self.make_stream_arn = logs.make_stream_arn

    def put(self, group: str, stream: str, messages: Sequence[str]) -> None:
        """See LogSink."""
        self._logs.put(group, stream, messages)
        if any(WORD in each for each in messages):
            self._tell(stream)


class TroubleRunner:
    """Implements Runner around another one, and stands between it and the engine."""

    def __init__(self, of_server: RunnerPlan, engine: Engine, clock: HastyClock):
        self._engine = engine
        self._clock = clock
        self._orders: dict[str, StartOrder] = {}
        self._taken: set[str] = set()
        sink = ListeningSink(of_server.agent.logs, self._hear)
        agent = dataclasses.replace(of_server.agent, logs=sink)
        self._runner = open_runner(dataclasses.replace(of_server, agent=agent), self)
        self.stop, self.kill, self.close = (
            self._runner.stop,
            self._runner.kill,
            self._runner.close,
        )

    def start(self, order: StartOrder) -> None:
        """See Runner."""
        self._orders[order.containers[0].log_stream] = order
        self._runner.start(order)

    def report_started(self, attempt_id: str) -> None:
        """See RunnerEvents."""
        self._engine.report_started(attempt_id)

    def report_exited(self, attempt_id: str, results: Sequence[ContainerResult]) -> None:
        """See RunnerEvents."""
        if attempt_id in self._taken:
            self._engine.report_host_lost(attempt_id, INSTANCE)
        else:
            self._engine.report_exited(attempt_id, results)

    def report_host_lost(self, attempt_id: str, instance_id: str) -> None:
        """See RunnerEvents."""
        self._engine.report_host_lost(attempt_id, instance_id)

    def _hear(self, stream: str) -> None:
        threading.Thread(target=self._act, args=(self._orders[stream],), daemon=True).start()

    def _act(self, order: StartOrder) -> None:
        queue = order.containers[0].environment["AWS_BATCH_JQ_NAME"]
        number = int(order.attempt_id.rpartition("#")[2])
        if number <= SPOT_QUEUES.get(queue, 0):
            self._taken.add(order.attempt_id)
            self._runner.kill(order.attempt_id)
        if queue == HASTY_QUEUE:
            self._clock.hasten()
            # Whoever waits for a deadline looks at the clock when something is asked of Batch.
            job_id = order.attempt_id.rpartition("#")[0]
            (job,) = self._engine.call("DescribeJobs", {"jobs": [job_id]})["jobs"]
            tag = {"resourceArn": job["jobArn"], "tags": {"hastened": "yes"}}
            self._engine.call("TagResource", tag)


def main(base: str, own: str) -> None:
    """Serve until stdin ends."""
    clock = HastyClock()

    def make_runner(of_server: RunnerPlan, events: RunnerEvents) -> Runner:
        # The engine is who is told of all ends.
        return TroubleRunner(of_server, cast("Engine", events), clock)

    def make_batch(
        capacity: Capacity,
        identity: Identity,
        grace_seconds: float,
        tags: Mapping[str, str],
        is_assumable: IsAssumable,
    ) -> Batch:
        return Batch(
            capacity,
            identity=identity,
            read_now=clock.read,
            grace_seconds=grace_seconds,
            queue_tags=tags,
            is_assumable=is_assumable,
        )

    with serve_embedded_aws(
        Capacity(vcpus=8, memory_mib=64 * 1024),
        Identity(),
        runner=DOCKER,
        runtime=RuntimeTrees(base, own),
        make_batch=make_batch,
        make_runner=make_runner,
    ) as aws:
        print(json.dumps(dataclasses.asdict(aws)), flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
