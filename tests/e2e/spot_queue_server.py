"""``python -m e2e.spot_queue_server``: an embedded AWS whose queue `spot` never keeps a host.

Prints one line of JSON, the fields of EmbeddedAws, and serves until its stdin ends.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys

from faults.spot_runner import SpotPlan, SpotRunner

from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.serving import (
    RunnerPlan,
    open_runner,
    serve_embedded_aws,
)

SPOT_QUEUE = "spot"

EVERY_ATTEMPT = SpotPlan(rate=1.0, longest_seconds=0.3, attempts=11)


class SpotQueueRunner(SpotRunner):
    """Takes the hosts of one queue's jobs away, and no others'."""

    def start(self, order: StartOrder) -> None:
        """See Runner."""
        if order.containers[0].environment["AWS_BATCH_JQ_NAME"] == SPOT_QUEUE:
            super().start(order)
        else:
            self._runner.start(order)


def make_runner(of_server: RunnerPlan, events: RunnerEvents) -> Runner:
    """Return a runner of processes behind which hosts are taken away."""
    return SpotQueueRunner(
        events,
        lambda own: open_runner(of_server, own),
        EVERY_ATTEMPT,
        random.Random(7),
    )


def main() -> None:
    """Serve until stdin ends."""
    capacity = Capacity(vcpus=4, memory_mib=64 * 1024)
    with serve_embedded_aws(capacity, Identity(), make_runner=make_runner) as aws:
        print(json.dumps(dataclasses.asdict(aws)), flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
