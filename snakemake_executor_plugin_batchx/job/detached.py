"""The command of a detached head: `python -I -m …job.detached <region> <its S3 URL> [S3 options]`.

The runtime holds what jobs need of this plugin. A head needs all of it, which comes from S3: this
fetches it and becomes the head (detached/). The process stays the container's first.
"""

import json
import os
import shutil
import sys
import tarfile
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.denials import DENIED_CODES, HEAD
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.lease import take_lease
from snakemake_executor_plugin_batchx.job.own_environment import read_start, undo_coercion
from snakemake_executor_plugin_batchx.spec import Blob, decode
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway, open_bucket
from snakemake_executor_plugin_batchx.storage.layout import parse_s3_url
from snakemake_executor_plugin_batchx.storage.options import decode_options
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

STARTER = "snakemake_executor_plugin_batchx.job.detached"
HEAD_MODULE = "snakemake_executor_plugin_batchx.detached"

PARENT = "/tmp"  # noqa: S108 - each attempt has to work in a folder of the same name
"""Whatever TMPDIR says: the folder is part of what decides whether jobs are the same."""

FOLDER = "batchx-head-"

CODE, HOME, CONFIG, DATA = "code", "home", "config", "botocore"
"""Below the head's folder: this plugin, HOME, Snakemake's configuration, models of services."""

EXIT_FAILED = 1

EXIT_LEFT = 137
"""Of a head that could not go on, whose jobs are left for the next attempt: as of one killed."""

LASTING_CODES = DENIED_CODES | {"NoSuchBucket", "NoSuchKey", "404"}
"""What S3 says the next time, too: to a role without rights, of an order that is not there."""

IMAGES_OWN = ("PYTHONPATH", "PYTHONHOME")


def make_head_folder(name: str) -> Path:
    """Return the folder in which heads of a name work, by the order's `head_folder`."""
    return Path(PARENT, FOLDER + name)


def open_store(region: str, url: str, options: str) -> S3Gateway:
    """Return the S3 of a detached run, for its head: what it lacks is for the head's role."""
    bucket, _ = parse_s3_url(url)
    return open_bucket(region, bucket, decode_options(options).for_own_objects, HEAD)


def fetch_code(region: str, url: str, options: str, job_id: str) -> Path:
    """Take the lease of a detached run, and bring this plugin to an empty folder; return that.

    Raises LeaseLostError where another Batch job has it, BatchxError where S3 refuses.
    """
    _, prefix = parse_s3_url(url)
    store = open_store(region, url, options)
    take_lease(store, f"{prefix}/lease", job_id)
    order = json.loads(store.read_bytes(f"{prefix}/order.json"))
    code, folder = decode(Blob, order["code"]), make_head_folder(order["head_folder"])
    shutil.rmtree(folder, ignore_errors=True)
    for name in (CODE, HOME, CONFIG):
        (folder / name).mkdir(parents=True)
    archive = folder / "code.tar.gz"
    with Transfer(store) as transfer:
        transfer.fetch_blob(code, archive)
    with tarfile.open(archive, mode="r:gz") as packed:
        packed.extractall(folder / CODE, filter="tar")
    archive.unlink()
    return folder


def make_environment(
    environment: MutableMapping[str, str], folder: Path, region: str
) -> dict[str, str]:
    """Return the head's variables: the container's, less what is about the image's own Python."""
    kept = {name: value for name, value in environment.items() if name not in IMAGES_OWN}
    return {
        "USER": "batchx",
        **kept,
        "PYTHONPATH": str(folder / CODE),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(folder / HOME),
        "XDG_CONFIG_HOME": str(folder / CONFIG),
        "AWS_DATA_PATH": str(folder / CODE / DATA),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }


def choose_exit_code(error: BatchxError) -> int:
    """Return how a head that cannot begin ends: for good only where the next would fare alike."""
    if isinstance(error, StorageError):
        return EXIT_FAILED if error.code in LASTING_CODES else EXIT_LEFT
    return getattr(error, "exit_code", EXIT_LEFT)


def main(argv: Sequence[str], environment: MutableMapping[str, str]) -> int:
    """Become the head; return an exit code where that cannot be."""
    region, url, *more = argv
    undo_coercion(environment, read_start())
    try:
        folder = fetch_code(region, url, "".join(more), environment["AWS_BATCH_JOB_ID"])
    except BatchxError as error:
        print(f"batchx: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return choose_exit_code(error)
    command = [sys.executable, "-P", "-s", "-X", "utf8", "-m", HEAD_MODULE, *argv]
    variables = make_environment(environment, folder, region)
    return os.execve(sys.executable, command, variables)  # noqa: S606 - nothing returns


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
