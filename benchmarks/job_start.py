"""What batchx adds to a job, against what any other Snakemake executor needs in the container.

Ours: Batch's own startedAt → stoppedAt of jobs that only touch a file, one at a time, on the
embedded Batch: interpreter, spec, lease, sources, Snakemake, result.
Peer: `python -m snakemake` for the same job on a folder where its sources lie already: the least
that an executor does whose job is a Snakemake command (they download the sources before it).

Both in turn in the same run; prints a table and writes results/job_start.json.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)

ROUNDS = 10
SNAKEFILE = 'rule one:\n    output: "{n}.txt"\n    shell: "touch {output}"\n'


def time_ours(aws: EmbeddedAws, folder: Path, number: int) -> float:
    """Return the seconds that Batch counts for one job."""
    variables = {
        **os.environ,
        **make_environment(aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{aws.bucket}/bench",
    }
    arguments = [f"{number}.txt", "--executor", "batchx", "-j", "1", "--quiet", "all"]
    subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments], cwd=folder, env=variables, check=True
    )
    journal = max((folder / ".snakemake" / "batchx").glob("*.jsonl"), key=os.path.getmtime)
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    (job_id,) = [event["batch_job_id"] for event in events if event["event"] == "submitted"]
    batch = boto3.client(
        "batch",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )
    (job,) = batch.describe_jobs(jobs=[job_id])["jobs"]
    return (job["stoppedAt"] - job["startedAt"]) / 1000


def time_peer(folder: Path, number: int) -> float:
    """Return the seconds of a plain Snakemake process for the same job."""
    target = folder / f"peer{number}.txt"
    started = time.perf_counter()
    arguments = [target.name, "-j", "1", "--nolock", "--quiet", "all"]
    subprocess.run([sys.executable, "-m", "snakemake", *arguments], cwd=folder, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, and keep the figures."""
    with tempfile.TemporaryDirectory() as name, launch_embedded_aws(vcpus=1) as aws:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE)
        time_ours(aws, folder, 0)  # the first of each warms up
        time_peer(folder, 0)
        ours, peer = [], []
        for number in range(1, ROUNDS + 1):
            ours.append(time_ours(aws, folder, number))
            peer.append(time_peer(folder, number))
    figures = {
        "ours_seconds": round(statistics.median(ours), 3),
        "peer_seconds": round(statistics.median(peer), 3),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, peer, strict=True)), 3),
    }
    print(f"{'':20}{'min':>8}{'median':>8}{'max':>8}")
    for label, values in (("batchx, a job", ours), ("plain Snakemake", peer)):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{label:20}{low:8.2f}{middle:8.2f}{high:8.2f}  s")
    print(f"{'ratio (median)':20}{figures['ratio']:16.2f}")
    target = Path(__file__).parent / "results" / "job_start.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
