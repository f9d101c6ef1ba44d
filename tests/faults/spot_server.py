"""``python -m faults.spot_server``: an embedded AWS whose hosts are taken away now and then.

Prints one line of JSON, the fields of EmbeddedAws, and serves until its stdin ends.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys

from faults.spot_runner import SpotPlan, SpotRunner
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.serving import (
    RunnerPlan,
    open_runner,
    serve_embedded_aws,
)
from snakemake_executor_plugin_batchx.plan.retries import DEFAULT_RETRIES

CAPACITY = Capacity(vcpus=4, memory_mib=64 * 1024)
"""Four jobs at once: the others wait in RUNNABLE, where a head may be killed as well."""


def main(arguments: list[str]) -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m faults.spot_server")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--spot-rate", type=float, required=True)
    parser.add_argument("--spot-seconds", type=float, required=True)
    parser.add_argument("--grace-seconds", type=float, default=5.0)
    options = parser.parse_args(arguments)
    plan = SpotPlan(options.spot_rate, options.spot_seconds, DEFAULT_RETRIES + 1)
    drawing = random.Random(options.seed)

    def make_runner(of_server: RunnerPlan, events: RunnerEvents) -> Runner:
        return SpotRunner(events, lambda own: open_runner(of_server, own), plan, drawing)

    with serve_embedded_aws(
        CAPACITY, Identity(), grace_seconds=options.grace_seconds, make_runner=make_runner
    ) as aws:
        print(json.dumps(dataclasses.asdict(aws)), flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(sys.argv[1:])
