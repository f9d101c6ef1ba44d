"""The folder a job works in: its own, and gone when it ends, however it ends."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.tree import remove_path


class ScratchError(BatchxError):
    """The job has no place to work in."""


def make_scratch_name(environment: Mapping[str, str]) -> str:
    """Return `<job id>-<attempt>` of this job, without the colon of an array child's id.

    A colon would break PATH-like lists and bind options.
    https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
    """
    job_id = environment.get("AWS_BATCH_JOB_ID", f"local-{os.getpid()}")
    return f"{job_id}-{environment.get('AWS_BATCH_JOB_ATTEMPT', '1')}".replace(":", "-")


@contextlib.contextmanager
def open_scratch(parent: str | None, name: str) -> Iterator[Path]:
    """Make the job's folder below `parent` (default: the system's temporary folder) and yield it.

    Raises ScratchError where it cannot be made.
    """
    base = Path(parent or tempfile.gettempdir())
    folder = base / f"batchx-{name}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise ScratchError(
            f"Scratch folder {folder} cannot be made: {error.strerror}. Set --batchx-scratch to a "
            "folder that the image's user can write."
        ) from error
    try:
        yield folder
    finally:
        os.chdir(base)
        try:
            remove_path(folder)
        except OSError as error:
            # The job's result stands already, and the host or container goes soon.
            print(f"batchx: {folder} could not be removed: {error}", file=sys.stderr)  # noqa: T201
