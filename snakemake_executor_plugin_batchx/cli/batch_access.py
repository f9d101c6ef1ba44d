"""AWS Batch as the commands use it, which nobody stops but their patience."""

import argparse
import random
import sys
import time

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.cli.aws_options import open_aws

QUEUE_VARIABLE = "SNAKEMAKE_BATCHX_JOB_QUEUE"

RETRY_SECONDS = 120.0
"""How long a command tries what AWS or the network keeps from it."""


def open_batch(args: argparse.Namespace, job_queue: str | None) -> BatchGateway:
    """Open Batch in the region of the options or of the queue's ARN.

    Raises BatchxError without credentials or region.
    """
    session = open_aws(args, job_queue)
    deadline = time.monotonic() + RETRY_SECONDS
    retrier = Retrier(
        CallBudget(time.monotonic, time.sleep),
        time.monotonic,
        time.sleep,
        random.random,
        lambda: time.monotonic() > deadline,
        say,
    )
    return BatchGateway(session.batch_client, retrier)


def say(text: str) -> None:
    """Tell the user something that is not the command's output."""
    print(f"batchx: {text}", file=sys.stderr, flush=True)
