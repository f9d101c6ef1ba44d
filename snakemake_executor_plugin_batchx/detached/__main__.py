"""A detached run's head: `python -m …detached <region> <its S3 URL> [S3 options]`."""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from snakemake_executor_plugin_batchx.detached.head import TROUBLE, HeadRun, World
from snakemake_executor_plugin_batchx.detached.order import Place
from snakemake_executor_plugin_batchx.job.detached import EXIT_LEFT, open_store
from snakemake_executor_plugin_batchx.storage.layout import S3Root, parse_s3_url


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run an attempt; return its exit code."""
    region, url, *more = argv
    bucket, prefix = parse_s3_url(url)
    world = World(
        store=open_store(region, url, "".join(more)),
        root=S3Root(bucket, prefix.rpartition("/detached/")[0]),
        job_id=environment["AWS_BATCH_JOB_ID"],
        attempt=int(environment.get("AWS_BATCH_JOB_ATTEMPT", "1")),
        environment=environment,
        clock=time.time,
        sleep=time.sleep,
    )
    try:
        run = HeadRun(world, Place(prefix))
    except TROUBLE as error:
        world.say(str(error))
        return EXIT_LEFT

    def note_end(_number: int, _frame: FrameType | None) -> None:
        run.is_asked_to_end = True

    # As first process, Python would ignore it.
    signal.signal(signal.SIGTERM, note_end)
    return run.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
