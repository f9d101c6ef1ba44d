"""Which region a run is in, and whether what it names is of that region's partition."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping

from snakemake_executor_plugin_batchx.aws.partitions import (
    find_partition,
    get_named_partition,
    get_partition,
    read_arn_partition,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""AWS's command line reads the first rather than the second, boto3 the second alone
(https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html,
https://github.com/boto/boto3/issues/3620)."""

_QUEUE_ARN_REGION = re.compile(r"arn:aws[a-z-]*:batch:([a-z0-9-]+):")


def choose_region(
    settings: ExecutorSettings, found: str | None, environ: Mapping[str, str] = os.environ
) -> str:
    """Return the region: the setting's, the queue ARN's, the environment's, else what boto3 found.

    Raises BatchxError where there is none, or where two disagree.
    """
    match = _QUEUE_ARN_REGION.match(settings.job_queue or "")
    of_queue = match.group(1) if match else None
    if settings.region and of_queue and settings.region != of_queue:
        raise BatchxError(
            f"--batchx-region {settings.region} is not the region of --batchx-job-queue "
            f"({of_queue}): leave the region out, or name a queue there."
        )
    region = settings.region or of_queue or read_region(environ) or found
    if not region:
        raise BatchxError(
            "No AWS region is known: set --batchx-region (or AWS_DEFAULT_REGION), such as "
            "eu-west-1."
        )
    return region


def read_region(environ: Mapping[str, str]) -> str | None:
    """Return the region of the environment; raises BatchxError where its variables disagree."""
    told = {name: environ[name] for name in REGION_VARIABLES if environ.get(name)}
    if len(set(told.values())) > 1:
        both = " and ".join(f"{name} {value}" for name, value in told.items())
        raise BatchxError(
            f"{both} are two regions, of which AWS's tools choose one or the other: set "
            "--batchx-region, or only one of the variables."
        )
    return next(iter(told.values()), None)


def list_foreign_arns(region: str, named: Iterable[tuple[str, str | None]]) -> list[str]:
    """Return a sentence for each ARN that is of another partition than a region.

    `named` are what gives an ARN, such as a setting, with what it gives, which may be no ARN.
    """
    return [*_iter_foreign(region, named)]


def _iter_foreign(region: str, named: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    own = get_partition(region)
    for what, arn in named:
        partition = read_arn_partition(arn or "")
        if not partition or partition == find_partition(region):
            continue
        try:
            title = get_named_partition(partition).title
        except LookupError:
            title = f"no partition of AWS that is known ({partition})"
        yield (
            f"{what} {arn} is of {title}, but region {region} is of {own.title}, where nothing of "
            f"the others is known: name one that begins with arn:{own.name}:, or another region."
        )
