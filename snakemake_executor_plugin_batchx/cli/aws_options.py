"""The options that say whose AWS and where, which are those of a run's settings."""

import argparse
import os
from contextlib import ExitStack

from snakemake_executor_plugin_batchx.aws.credential_words import LOCAL_NEEDS_NONE
from snakemake_executor_plugin_batchx.aws.session import AwsSession, open_session
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings


def add_aws_options(parser: argparse.ArgumentParser) -> None:
    """Add region and profile; a run's environment variables count."""
    for name, metavar, text in (
        ("region", "REGION", "the AWS region (default: what AWS's own tools would use)"),
        ("profile", "NAME", "the profile in ~/.aws/config (default: likewise)"),
    ):
        default = os.environ.get(f"SNAKEMAKE_BATCHX_{name.upper()}")
        parser.add_argument(f"--{name}", default=default, metavar=metavar, help=text)


def open_aws(args: argparse.Namespace, job_queue: str | None = None) -> AwsSession:
    """Open AWS as the options say. Raises BatchxError without credentials or region."""
    settings = ExecutorSettings(region=args.region, profile=args.profile, job_queue=job_queue)
    with ExitStack() as stack:
        try:
            return open_session(settings, stack)
        except BatchxError as error:
            raise BatchxError(name_options(str(error))) from error


def name_options(text: str) -> str:
    """Return what is told in the words of a run's settings in those of a command's options.

    These are called likewise, but the queue local is only for runs.
    """
    return text.replace(LOCAL_NEEDS_NONE, "").replace("--batchx-", "--")
