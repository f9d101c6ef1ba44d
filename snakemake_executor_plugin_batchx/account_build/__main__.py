"""The second half of the job that builds a runtime: `python -m … REGION BUCKET PREFIX`.

It runs in an environment that holds what the head has (bootstrap.py made it), builds the runtime
as a head does, and keeps it below a prefix of a bucket.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.account_build.kept import keep_layers
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.build import provide_runtime
from snakemake_executor_plugin_batchx.storage.gateway import open_bucket


def main(arguments: Sequence[str]) -> int:
    """Build and keep; return the exit code."""
    region, bucket, prefix = arguments
    try:
        runtime = provide_runtime(Path(tempfile.mkdtemp(prefix="batchx-cache-")), _say)
        _say(f"Keeping it in s3://{bucket}/{prefix} …")
        keep_layers(open_bucket(region, bucket), prefix, runtime.layers)
    except BatchxError as error:
        _say(str(error))
        return 1
    return 0


def _say(text: str) -> None:
    print(f"batchx: {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
