"""A program: turns a bare Python image into a builder of the job runtime.

It stands alone: its text is the job's command, before anything of batchx is there. It makes an
environment, fetches the recipe with the job's own role, installs what that names, and hands over.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

FETCH = """
import boto3, sys
region, bucket, key, path = sys.argv[1:]
boto3.client("s3", region_name=region).download_file(bucket, key, path)
"""

PIP = ("-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir", "--no-compile")

BUILDER = "snakemake_executor_plugin_batchx.account_build"


def call(*command: str, path: str = "") -> None:
    """Run a command to its end, with modules from `path` too; one that fails ends all."""
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"}
    done = subprocess.run(command, check=False, env=environment)
    if done.returncode:
        sys.exit(f"batchx: {' '.join(command[1:5])} … ended with exit code {done.returncode}")


def main(processor: str, region: str, bucket: str, key: str, *aws_packages: str) -> None:
    """Build for `processor` (as uname names it); the recipe is at `key` of `bucket`."""
    if platform.machine() != processor:
        sys.exit(f"batchx: this instance is {platform.machine()}, and {processor} was expected")
    folder = Path(tempfile.mkdtemp(prefix="batchx-"))
    print("batchx: installing what the runtime is made of …", flush=True)  # noqa: T201
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    call(python, *PIP, *aws_packages)
    archive = folder / "recipe.tar.gz"
    call(python, "-c", FETCH, region, bucket, key, str(archive))
    recipe = folder / "recipe"
    shutil.unpack_archive(archive, recipe)  # our own; Pythons before 3.11.4 know no filters
    pins = ("-c", str(recipe / "constraints.txt"))
    call(python, *PIP, "-r", str(recipe / "requirements.txt"), *pins)
    call(python, "-m", BUILDER, region, bucket, key.rpartition("/")[0], path=str(recipe))


if __name__ == "__main__":
    main(*sys.argv[1:])
