"""The job's objects in S3 mode: our provider in the place of Snakemake's s3 storage plugin."""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.note import Note, NotePage
from snakemake_executor_plugin_batchx.job.usage import choose_transfer_memory
from snakemake_executor_plugin_batchx.spec import JobSpec
from snakemake_executor_plugin_batchx.storage.kept_files import KeptFiles
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options

if TYPE_CHECKING:
    from snakemake_executor_plugin_batchx.storage.s3_provider import JobObjects

PLUGIN = "snakemake_storage_plugin_s3"
"""The full name: with the short one Snakemake's registry keeps the plugin that it has."""

KEEP_COPIES = "--keep-storage-local-copies"
"""Snakemake's option to leave outputs on disk when it believes that they were sent."""


def open_objects(
    job: JobSpec, kept: KeptFiles | None = None, s3_options: S3Options = PLAIN_OPTIONS
) -> "JobObjects | None":
    """Register our provider for the objects of the job, in whose start directory this process is.

    `kept` is what the host keeps for its jobs. None where the job has no such objects, or where
    the plugin that they need is not installed: what to do about that, Snakemake says itself.
    """
    if not job.storage_files or importlib.util.find_spec(PLUGIN) is None:
        return None
    from snakemake_interface_storage_plugins.registry import (  # noqa: PLC0415
        StoragePluginRegistry,
    )

    from snakemake_executor_plugin_batchx.storage.s3_provider import (  # noqa: PLC0415
        JobObjects,
    )

    objects = JobObjects(
        job.storage_files,
        Path.cwd() / job.storage_dir,
        memory_bytes=choose_transfer_memory(),
        kept=kept,
        s3_options=s3_options,
    )
    StoragePluginRegistry().register_plugin(PLUGIN, objects.make_plugin())
    return objects


def send_objects(objects: "JobObjects", page: NotePage) -> int:
    """Send what Snakemake stored; return an exit code. A failure leaves a note."""
    with objects:
        try:
            objects.send_made()
        except (BatchxError, OSError) as error:
            problem = f"The job's outputs could not be sent to S3: {error}"
            page.write(Note(1, problem))
            print(f"batchx: {problem}", file=sys.stderr, flush=True)  # noqa: T201
            return 1
    return 0
