"""The heads that are timed: real Snakemake with one executor or another, and what each took."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from child_process import Figures, time_command

from head_bench.objects import BUCKET, Objects
from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    make_environment,
    read_announcement,
    start_process,
    stop_process,
)

HERE = Path(__file__).parent
FOREIGN = ("AWS_", "SNAKEMAKE_", "XDG_")
"""Variables of whoever runs the benchmark that must not reach the heads."""

SNAKEFILE = """
rule all:
    input: [f"out/{{i}}.txt" for i in range({jobs})]
rule one:
    input: "in.txt"
    output: "out/{{i}}.txt"
    shell: "cp {{input}} {{output}}"
"""

TIMEOUT_SECONDS = 1200.0


@dataclass(frozen=True)
class World:
    """The servers that a benchmark's heads use."""

    aws: EmbeddedAws
    s3_url: str
    folder: Path

    @property
    def objects(self) -> Objects:
        """A client of the S3 server."""
        return Objects(self.s3_url)


@dataclass(frozen=True)
class Case:
    """One head: which executor, how many jobs, files in S3 or on the head's disk (mirrored)."""

    executor: str
    jobs: int
    is_s3: bool

    def __str__(self) -> str:
        mode = "S3" if self.is_s3 else "mirror"
        return f"{self.executor}, {self.jobs} jobs, {mode}"


@contextlib.contextmanager
def serve_batch(s3_url: str) -> Iterator[EmbeddedAws]:
    """Run the embedded AWS of head_bench/server.py."""
    command = [sys.executable, "-m", "head_bench.server", s3_url]
    variables = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with tempfile.TemporaryFile() as errors:
        server = start_process(command, variables, stdin=subprocess.PIPE, errors=errors)
        with server:
            try:
                yield read_announcement(server, errors)
            finally:
                stop_process(server)


@contextlib.contextmanager
def serve_maker(folder: Path, s3_url: str) -> Iterator[str]:
    """Run head_bench/maker.py in the head's folder; yield where it listens."""
    variables = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(
        [sys.executable, "-m", "head_bench.maker", s3_url],
        *(-1, None, subprocess.DEVNULL, subprocess.PIPE),
        cwd=folder,
        env=variables,
        text=True,
    ) as maker:
        try:
            yield f"127.0.0.1:{maker.stdout.readline().strip() if maker.stdout else ''}"
        finally:
            maker.terminate()


def measure(case: Case, world: World) -> Figures:
    """Run one head in a fresh folder and prefix; return what it took.

    Raises RuntimeError with the head's last words where it fails.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=world.folder)))
        (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=case.jobs))
        prefix = folder.name
        (folder / "in.txt").write_text("in\n")
        if case.is_s3:
            world.objects.write(f"{prefix}/in.txt", b"in\n")
        variables = {
            **{k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)},
            **make_environment(world.aws),
            "AWS_ENDPOINT_URL_S3": world.s3_url,
            "HOME": str(folder),
            "PYTHONPATH": str(HERE / "plugins"),
        }
        if case.executor == "nothing":
            variables["BENCH_MAKER"] = stack.enter_context(serve_maker(folder, world.s3_url))
        command = make_command(case, world.aws, prefix)
        figures = time_command(command, folder, variables, folder / "head.log")
        check_outputs(case, world, folder)
        return figures


def make_command(case: Case, aws: EmbeddedAws, prefix: str) -> list[str]:
    """Return the command of a head: all jobs at once, as fast as Snakemake hands them over."""
    command = [sys.executable, "-m", "snakemake", "--executor", case.executor]
    command += ["-j", str(case.jobs), "--max-jobs-per-timespan", "100000/1s"]
    if case.is_s3:
        url = f"s3://{BUCKET}/{prefix}"
        command += ["--default-storage-provider", "s3", "--default-storage-prefix", url]
    own = {
        "batchx": [
            *("--batchx-job-queue", aws.job_queue),
            *("--batchx-s3-root", f"s3://{BUCKET}/{prefix}/root"),
        ],
        "aws-batch": [
            *("--aws-batch-job-queue", aws.job_queue, "--aws-batch-region", aws.region),
            *("--aws-batch-job-role", aws.job_role_arn),
        ],
    }
    return [*command, *own.get(case.executor, [])]


def check_outputs(case: Case, world: World, folder: Path) -> None:
    """Raise RuntimeError unless every output of a head is there."""
    top = world.folder / "s3" / BUCKET / folder.name if case.is_s3 else folder
    count = sum(1 for _ in (top / "out").glob("*.txt"))
    if count != case.jobs:
        raise RuntimeError(f"{case}: {count} outputs were made")
