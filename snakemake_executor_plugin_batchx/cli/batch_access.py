"""AWS Batch and its logs as the commands use them, which nobody stops but their patience."""

import argparse
import io
import sys
import time
from collections.abc import Callable

from snakemake_executor_plugin_batchx.aws.budget import open_budget
from snakemake_executor_plugin_batchx.aws.retry import open_retrier
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.cli.aws_options import open_aws
from snakemake_executor_plugin_batchx.logs.gateway import CALLS_PER_SECOND, SERVICE, LogsGateway

QUEUE_VARIABLE = "SNAKEMAKE_BATCHX_JOB_QUEUE"

RETRY_SECONDS = 120.0
"""How long a command tries what AWS or the network keeps from it."""


def open_batch(args: argparse.Namespace, job_queue: str | None) -> BatchGateway:
    """Open Batch in the region of the options or of the queue's ARN.

    Raises BatchxError without credentials or region.
    """
    session = open_aws(args, job_queue)
    deadline = time.monotonic() + RETRY_SECONDS
    return make_batch(session, lambda: time.monotonic() > deadline)


def make_batch(session: AwsSession, is_stopped: Callable[[], bool]) -> BatchGateway:
    """Return a gateway that tries nothing again once `is_stopped`."""
    return BatchGateway(session.batch_client, open_retrier(open_budget(), is_stopped, say))


def make_logs(session: AwsSession, region: str) -> LogsGateway:
    """Return a gateway to the logs of a region, which tries for as long as each call can wait."""
    retrier = open_retrier(open_budget(CALLS_PER_SECOND), lambda: False, say, SERVICE)
    return LogsGateway(session.make_logs_client(region), retrier)


def say(text: str) -> None:
    """Tell the user something that is not the command's output."""
    print(f"batchx: {text}", file=sys.stderr, flush=True)


def print_any_text() -> None:
    """Have standard output take whatever tools and names of files have, in any locale."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
