"""Tools run in the rule's image, with its interpreters: in place, for the job runs there already.

Snakemake has a way of its own to run a tool in an image (`--sdm apptainer`): in what it wraps, its
own Python and folders count for nothing. The job takes that way, and a stand-in for the program
(standin/apptainer) executes the command where it is.
"""

import os
import subprocess
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

STAND_IN = Path(__file__).parent / "standin"

DEPLOYMENT = "--deployment-method"

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Docker's own, where an image sets no PATH (moby, oci/defaults.go)."""

SHELL = Path("/bin/sh")

MIN_PYTHON = (3, 7)
MIN_PYTHON_WITH_PARAMS = (3, 10)
"""The Pythons of images that can load what Snakemake 9.27 gives to scripts: it imports
snakemake.io for params, which is written for newer ones."""

VERSION_SECONDS = 30


class ImageError(BatchxError):
    """The image lacks what tools cannot run without."""


def is_in_image() -> bool:
    """Tell whether this is the runtime inside a rule's image, not an interpreter of the host's."""
    return sys.prefix == RUNTIME_PREFIX


def require_shell(image: str, path: Path = SHELL) -> None:
    """Raise ImageError where an image has no shell."""
    if not path.exists():
        raise ImageError(
            f"Image {image} has no {path}, with which Snakemake runs every rule's command: use one "
            "with a shell, be it BusyBox's."
        )


def add_stand_in(environment: MutableMapping[str, str]) -> None:
    """Let Snakemake find the stand-in, which takes itself out of PATH before it runs a tool."""
    environment["PATH"] = f"{STAND_IN}:{environment.get('PATH') or DEFAULT_PATH}"


def deploy_in_image(argv: Sequence[str]) -> tuple[str, ...]:
    """Return Snakemake's arguments with containers added to its ways of deployment."""
    if DEPLOYMENT not in argv:
        return (*argv, DEPLOYMENT, "apptainer")
    start = list(argv).index(DEPLOYMENT) + 1
    return (*argv[:start], "apptainer", *argv[start:])


def contain_rules(jobs: Sequence[Any], image: str) -> None:
    """Give the rules that name no image the one that they run in.

    The head chose it (--container-image, `batchx_image`); their scripts, too, shall run with its
    interpreters. `run:` blocks are Snakemake's own Python.
    """
    _use_own_modules()
    for job in jobs:
        if job.rule.is_run or job.container_img_url:
            continue
        job.conda_env  # noqa: B018 - looked up now: it is filed under "no image"
        job.rule.container_img = image
        job._container_img_url = None
    for dag in {job.dag for job in jobs}:
        dag.update_container_imgs()
        dag.pull_container_imgs()


def _use_own_modules() -> None:
    """Let Python scripts find Snakemake's modules where they are.

    Snakemake mounts its search path at places of its own in the image
    (snakemake/deployment/singularity.py), for which only the superuser could make links.
    """
    from snakemake.deployment import singularity  # noqa: PLC0415 - the parent has loaded it by now

    singularity.get_snakemake_searchpath_mountpoints = singularity.get_snakemake_searchpaths


def find_python_problem(step: Any, path: str) -> str | None:
    """Return a sentence where a script failed because its image's Python is too old, else None.

    `path` is the PATH in which the image's programs are found.
    """
    rule = step.rule
    # With conda, the environment's Python ran it.
    if not str(rule.script or "").endswith(".py") or step.conda_env is not None:
        return None
    code = "import sys; print(*sys.version_info[:2])"
    environment = {**os.environ, "PATH": f"{path}:{STAND_IN / 'fallback'}"}
    try:
        answer = subprocess.run(
            ["python", "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=True,
        )
        version = tuple(map(int, answer.stdout.split()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    needed, use = (MIN_PYTHON, "")
    if step.params:
        needed, use = (MIN_PYTHON_WITH_PARAMS, " where it reads snakemake.params")
    if version >= needed:
        return None
    return (
        f"The script of rule {rule.name} failed, and its image's Python is "
        f"{'.'.join(map(str, version))}: what Snakemake gives to a script needs "
        f"{'.'.join(map(str, needed))} or newer{use}. Use an image with a newer Python."
    )
