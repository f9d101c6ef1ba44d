"""The calls that a real Snakemake run makes, counted by the embedded Batch."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections import Counter
from pathlib import Path

from calls_bench.cases import Bill
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)

WORKFLOW = """
    rule all:
        input: expand("out/{{n}}", n=range({jobs}))
    rule one:
        output: "out/{{n}}"
        resources: mem_mb=64
        shell: "echo {{wildcards.n}} > {{output}}"
    """


def count_real(jobs: int) -> Bill:
    """Run a workflow of so many equal jobs. Raises SystemExit where it fails."""
    with launch_embedded_aws(runner=PROCESS) as aws, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = textwrap.dedent(WORKFLOW).format(jobs=jobs)
        (folder / "Snakefile").write_text(text, encoding="utf-8")
        before, started = _count_calls(aws), time.monotonic()
        run = subprocess.run(
            [sys.executable, "-m", "snakemake", "--executor", "batchx", "-j", str(jobs)],
            cwd=folder,
            env={
                **os.environ,
                **make_environment(aws),
                "SNAKEMAKE_BATCHX_JOB_QUEUE": aws.job_queue,
                "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{aws.bucket}/calls",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise SystemExit(f"A run of {jobs} jobs failed:\n{run.stderr[-3000:]}")
        return Bill(_count_calls(aws) - before, time.monotonic() - started)


def _count_calls(aws: EmbeddedAws) -> Counter[str]:
    with urllib.request.urlopen(f"{aws.endpoint_url}/_batchx/calls") as answer:
        counts = json.load(answer)
    prefix = "batch."
    return Counter({k.removeprefix(prefix): n for k, n in counts.items() if k.startswith(prefix)})
