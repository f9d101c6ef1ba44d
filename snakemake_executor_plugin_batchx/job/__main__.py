"""The command of every Batch job: `python -I -m …job <region> <s3 url of the spec> [S3 options]`.

Fetches the spec and the inputs, runs Snakemake in a child process, sends back the outputs and a
result, and ends with the tool's own exit code. This process is the container's first: it handles
SIGTERM, reaps orphans, and outlives its child to tell what happened to it.
"""

import functools
import os
import signal
import sys
from collections.abc import MutableMapping, Sequence
from types import FrameType
from typing import NoReturn

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.child import TerminatedError
from snakemake_executor_plugin_batchx.job.own_environment import read_start, undo_coercion
from snakemake_executor_plugin_batchx.job.run import JobRun
from snakemake_executor_plugin_batchx.spec import EXIT_TERMINATED
from snakemake_executor_plugin_batchx.storage.gateway import open_bucket
from snakemake_executor_plugin_batchx.storage.layout import parse_s3_url
from snakemake_executor_plugin_batchx.storage.options import decode_options


def raise_terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """Turn SIGTERM into an exception: as first process, Python would ignore the signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; the end must not be disturbed
    raise TerminatedError


def main(argv: Sequence[str], environment: MutableMapping[str, str]) -> int:
    """Run one job and return its exit code."""
    region, url, *more = argv
    undo_coercion(environment, read_start())
    signal.signal(signal.SIGTERM, raise_terminated)
    try:
        bucket, key = parse_s3_url(url)
        index = int(environment.get("AWS_BATCH_JOB_ARRAY_INDEX", "0"))
        options = decode_options(*more)
        open_store = functools.partial(open_bucket, region, bucket, options.for_own_objects)
        return JobRun(open_store, key, index, environment, options).run()
    except BatchxError as error:
        print(f"batchx: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return getattr(error, "exit_code", 1)
    except TerminatedError:
        return EXIT_TERMINATED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
