"""``python -m e2e.broken_account_server``: an embedded AWS whose environments may be INVALID.

One with the tag `broken` is, and gives the tag's value as the reason: AWS has no call for that.
Prints one line of JSON, the fields of EmbeddedAws, and serves until its stdin ends.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping

from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.environments import HEALTHY, Health
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.serving import IsAssumable, serve_embedded_aws

BROKEN_TAG = "broken"


def judge_health(tags: Mapping[str, str]) -> Health:
    """Return what an environment's tags say that has become of it."""
    return Health("INVALID", tags[BROKEN_TAG]) if BROKEN_TAG in tags else HEALTHY


def make_batch(
    capacity: Capacity,
    identity: Identity,
    grace_seconds: float,
    queue_tags: Mapping[str, str],
    is_assumable: IsAssumable,
) -> Batch:
    """Return a Batch in which compute environments may break."""
    return Batch(
        capacity,
        identity=identity,
        grace_seconds=grace_seconds,
        queue_tags=queue_tags,
        is_assumable=is_assumable,
        judge_health=judge_health,
    )


def main() -> None:
    """Serve until stdin ends."""
    capacity = Capacity(vcpus=4, memory_mib=64 * 1024)
    with serve_embedded_aws(capacity, Identity(), make_batch=make_batch) as aws:
        print(json.dumps(dataclasses.asdict(aws)), flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
