"""The options of commands that work in ECR, which are those of a run's settings."""

import argparse
import os

from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options, open_aws
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY
from snakemake_executor_plugin_batchx.registry_images import open_access


def add_ecr_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where ECR is; a run's environment variables count."""
    add_aws_options(parser)
    parser.add_argument(
        "--repository",
        default=os.environ.get("SNAKEMAKE_BATCHX_REPOSITORY") or DEFAULT_REPOSITORY,
        metavar="NAME",
        help="the ECR repository for all images, or with a / at its end the prefix of one for "
        f"each (default: {DEFAULT_REPOSITORY})",
    )


def open_ecr_access(args: argparse.Namespace) -> RegistryAccess:
    """Open registries as the options say. Raises BatchxError without credentials or region."""
    session = open_aws(args)
    return open_access(session.make_ecr_client, session.region)
