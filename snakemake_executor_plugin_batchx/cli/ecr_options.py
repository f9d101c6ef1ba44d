"""The options of commands that work in ECR, which are those of a run's settings."""

import argparse
import os
from contextlib import ExitStack

from snakemake_executor_plugin_batchx.aws.session import open_session
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY
from snakemake_executor_plugin_batchx.registry_images import open_access
from snakemake_executor_plugin_batchx.settings import ExecutorSettings


def add_ecr_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where ECR is; a run's environment variables count."""
    for name, metavar, text in (
        ("region", "REGION", "the AWS region (default: what AWS's own tools would use)"),
        ("profile", "NAME", "the profile in ~/.aws/config (default: likewise)"),
    ):
        default = os.environ.get(f"SNAKEMAKE_BATCHX_{name.upper()}")
        parser.add_argument(f"--{name}", default=default, metavar=metavar, help=text)
    parser.add_argument(
        "--repository",
        default=os.environ.get("SNAKEMAKE_BATCHX_REPOSITORY") or DEFAULT_REPOSITORY,
        metavar="NAME",
        help="the ECR repository for all images, or with a / at its end the prefix of one for "
        f"each (default: {DEFAULT_REPOSITORY})",
    )


def open_ecr_access(args: argparse.Namespace) -> RegistryAccess:
    """Open registries as the options say. Raises BatchxError without credentials or region."""
    settings = ExecutorSettings(region=args.region, profile=args.profile)
    with ExitStack() as stack:
        try:
            session = open_session(settings, stack)
        except BatchxError as error:
            # Told in the words of a run's settings; the options here are called likewise.
            raise BatchxError(str(error).replace("--batchx-", "--")) from error
        return open_access(session.make_ecr_client, session.region)
