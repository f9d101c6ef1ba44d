"""``python -m snakemake_executor_plugin_batchx.local``: the embedded AWS as a process.

Prints one line of JSON, the fields of EmbeddedAws, and serves until its stdin ends or a SIGTERM
or SIGINT comes; then it kills its jobs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import selectors
import signal
import sys

from snakemake_executor_plugin_batchx.aws.partitions import find_partition
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    RUNNERS,
    RegistryAccess,
    RuntimeTrees,
)
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.serving import read_host_capacity, serve_embedded_aws


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    host = read_host_capacity()
    parser = argparse.ArgumentParser(prog="python -m snakemake_executor_plugin_batchx.local")
    parser.add_argument("--vcpus", type=float, default=host.vcpus, help="default: the machine's")
    parser.add_argument(
        "--memory-mib", type=int, default=host.memory_mib, help="default: the machine's"
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument(
        "--grace-seconds",
        type=float,
        default=STOP_GRACE_SECONDS,
        help="between a job's SIGTERM and its SIGKILL (default: AWS's 30)",
    )
    _add_runner_options(parser)
    parser.add_argument(
        "--stay", action="store_true", help="serve until a signal, also when stdin has ended"
    )
    options = parser.parse_args(arguments)
    _check_pairs(parser, options)
    return options


def _add_runner_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runner", choices=RUNNERS, default=PROCESS, help="what runs jobs (default: %(default)s)"
    )
    parser.add_argument(
        "--runtime-base", metavar="DIR", help="docker: the job runtime, mounted at /batchx"
    )
    parser.add_argument(
        "--runtime-own", metavar="DIR", help="docker: its part mounted at /batchx/plugin"
    )
    parser.add_argument(
        "--ecr-registry", metavar="HOST:PORT", help="the registry that stands for ECR"
    )
    parser.add_argument(
        "--ecr-password-file", metavar="FILE", help="holds the password of its user AWS"
    )


def _check_pairs(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends the program where half of a pair of options is missing."""
    for one, other in (
        ("runtime_base", "runtime_own"),
        ("ecr_registry", "ecr_password_file"),
    ):
        if (getattr(options, one) is None) != (getattr(options, other) is None):
            names = (f"--{each.replace('_', '-')}" for each in (one, other))
            parser.error(" and ".join(names) + " go together")


def main(arguments: list[str]) -> int:
    """Serves until told to end; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        _serve(options)
    except BatchxError as error:
        sys.stderr.write(f"batchx: {error}\n")
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    signalled = _catch_signals()
    capacity = Capacity(options.vcpus, options.memory_mib)
    identity = Identity(region=options.region, partition=find_partition(options.region))
    runtime = registry = None
    if options.runtime_base is not None:
        runtime = RuntimeTrees(options.runtime_base, options.runtime_own)
    if options.ecr_registry is not None:
        registry = RegistryAccess(options.ecr_registry, options.ecr_password_file)
    with serve_embedded_aws(
        capacity,
        identity,
        grace_seconds=options.grace_seconds,
        runner=options.runner,
        runtime=runtime,
        registry=registry,
    ) as aws:
        sys.stdout.write(json.dumps(dataclasses.asdict(aws)) + "\n")
        sys.stdout.flush()
        _wait_for_end(signalled, is_staying=options.stay)


def _catch_signals() -> int:
    """Turns SIGTERM and SIGINT into a byte on a pipe, whose reading end is returned."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading


def _wait_for_end(signalled: int, *, is_staying: bool) -> None:
    """Returns at a signal, or at the end of stdin."""
    stdin = sys.stdin.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(signalled, selectors.EVENT_READ)
        if not is_staying:
            selector.register(stdin, selectors.EVENT_READ)
        while True:
            ready = [key.fd for key, _ in selector.select()]
            if signalled in ready or os.read(stdin, 4096) == b"":
                return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
