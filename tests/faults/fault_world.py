"""The processes around a head: the embedded AWS with its spot hosts, and the faults before it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from json import dumps
from pathlib import Path

from e2e.runs import keep_environment, make_client
from grants import Grants, make_head_environment, make_scope

from faults.fault_plan import FaultRates
from faults.server_record import ServerRecord
from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    read_announcement,
    start_process,
    stop_process,
)

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Hardship:
    """What a trial's world is like; spot times as SpotPlan has them."""

    rates: FaultRates = field(default_factory=FaultRates)
    spot_rate: float = 0.22
    spot_seconds: float = 2.0


CALM = Hardship(FaultRates(0.0, 0.0, 0.0, 0.0, hidden=0.0, vanishing=0.0), spot_rate=0.0)


@dataclass(frozen=True)
class World:
    """A standing embedded AWS, and the environment of heads that see it through faults."""

    aws: EmbeddedAws
    environment: dict[str, str]
    record: ServerRecord


@contextlib.contextmanager
def open_world(folder: Path, seed: int, hardship: Hardship) -> Iterator[World]:
    """Run an embedded AWS and the faults before its Batch for as long as the context lasts.

    The record of the faults is ``folder/faults.jsonl``.
    """
    with contextlib.ExitStack() as undo:
        aws = undo.enter_context(_launch_server(folder, seed, hardship))
        port = undo.enter_context(_launch_proxy(folder, seed, hardship, aws))
        environment = {
            **{k: v for k, v in keep_environment().items() if k != "PYTHONPATH"},
            **make_head_environment(aws),
            "AWS_ENDPOINT_URL_BATCH": f"http://127.0.0.1:{port}",
            "SNAKEMAKE_BATCHX_JOB_QUEUE": aws.job_queue,
            "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{aws.bucket}/trial",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
        }
        scope = make_scope(aws, environment["SNAKEMAKE_BATCHX_S3_ROOT"])
        Grants(make_client(aws, "iam"), scope)
        record = ServerRecord(make_client(aws, "batch"), aws.job_queue)
        yield World(aws, environment, record)


def make_tests_environment() -> dict[str, str]:
    """The environment of our own processes, which import modules of the tests."""
    return {**os.environ, "PYTHONPATH": str(TESTS)}


@contextlib.contextmanager
def _launch_server(folder: Path, seed: int, hardship: Hardship) -> Iterator[EmbeddedAws]:
    command = [sys.executable, "-m", "faults.spot_server", "--seed", str(seed)]
    command += ["--spot-rate", str(hardship.spot_rate)]
    command += ["--spot-seconds", str(hardship.spot_seconds)]
    with (folder / "server.log").open("w+b") as errors:
        environment = make_tests_environment()
        process = start_process(command, environment, stdin=subprocess.PIPE, errors=errors)
        with process:
            try:
                yield read_announcement(process, errors)
            finally:
                stop_process(process)


@contextlib.contextmanager
def _launch_proxy(folder: Path, seed: int, hardship: Hardship, aws: EmbeddedAws) -> Iterator[int]:
    command = [sys.executable, "-m", "faults.fault_proxy", "--upstream", aws.endpoint_url]
    command += ["--record", str(folder / "faults.jsonl"), "--seed", str(seed)]
    command += ["--rates", dumps(asdict(hardship.rates))]
    with (folder / "proxy.log").open("wb") as errors:
        process = start_process(
            command, make_tests_environment(), stdin=subprocess.PIPE, errors=errors
        )
        with process:
            try:
                yield int(process.stdout.readline() if process.stdout else b"")
            finally:
                stop_process(process)
