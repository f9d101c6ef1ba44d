"""Conda environments of the workflow, named by what they are made of."""

import functools
import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakemake.deployment.conda import CondaEnvFileSpec
from snakemake.settings.types import DeploymentMethod
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_batchx.spec import StepEnvironment

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64")
"""Conda's names of the systems that jobs run on: a pin file is one system's."""

COMPANIONS = (".post-deploy.sh", *(f".{platform}.pin.txt" for platform in PLATFORMS))
"""Files beside an environment's own that decide what it becomes (snakemake/deployment/conda.py)."""


def iter_step_environments(steps: list[Any], workflow: Any) -> Iterator[StepEnvironment]:
    """Yield the environments that the steps' jobs make from files.

    Those that are given by name or folder are not Snakemake's to make. Nothing here asks conda,
    which the head need not have.
    """
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        return
    for step in steps:
        spec = step.conda_env_spec
        # The image of a `containerized:` rule holds its environments already.
        if step.is_containerized or not isinstance(spec, CondaEnvFileSpec):
            continue
        content = hash_environment(spec.file, workflow.sourcecache)
        if content:
            wildcards = {name: str(value) for name, value in step.wildcards_dict.items()}
            yield StepEnvironment(step.rule.name, wildcards, content)


def spare_conda_of_head(workflow: Any) -> None:
    """Let rules that run on this machine do without conda, where it has none.

    With `--sdm conda`, Snakemake asks conda where it lives before every local rule, `rule all` too
    (snakemake/executors/local.py, job_args_and_prepare). It does not ask where that is set.
    """
    settings = workflow.deployment_settings
    if settings.conda_base_path is None and shutil.which("conda") is None:
        settings.conda_base_path = Path(sys.prefix)


@functools.lru_cache(
    maxsize=1024
)  # thousands of jobs share an environment, and a file may be remote
def hash_environment(file: Any, sourcecache: Any) -> str | None:
    """Return a SHA-256 (hex) of an environment's file and its companions; None without the file.

    `file` is a snakemake.sourcecache.SourceFile, on this machine or remote. Where it cannot be
    read here, the job says so if it cannot either.
    """
    try:
        parts = [sourcecache.open(file, "rb").read()]
    except (OSError, WorkflowError):
        return None
    for suffix in COMPANIONS:
        companion = file.replace_suffix([".yaml", ".yml"], suffix)
        is_there = companion is not None and sourcecache.exists(companion)
        parts.append(sourcecache.open(companion, "rb").read() if is_there else b"")
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()
