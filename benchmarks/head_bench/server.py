"""The embedded AWS with jobs that end at once: `python -m head_bench.server <S3 url>`.

Prints what the embedded AWS's own process prints, and serves until its stdin ends.
"""

import dataclasses
import json
import sys

from head_bench.instant import InstantRunner
from head_bench.objects import Objects
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.serving import serve_embedded_aws

ENDLESS = Capacity(vcpus=1_000_000, memory_mib=10**10)


def main() -> None:
    """Serve."""
    objects = Objects(sys.argv[1])
    with serve_embedded_aws(
        ENDLESS, Identity(), make_runner=lambda plan, events: InstantRunner(events, objects)
    ) as aws:
        print(json.dumps(dataclasses.asdict(aws)), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
