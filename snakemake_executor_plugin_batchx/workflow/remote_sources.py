"""Sources that Snakemake fetched from elsewhere: from URLs, GitHub, GitLab, git repositories.

Snakemake keeps them in its source cache; a job that brings the cache along fetches nothing, clones
no repository, and sees the very files that this machine saw.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakemake.deployment.conda import CondaEnvFileSpec
from snakemake.settings.types import DeploymentMethod
from snakemake.sourcecache import LocalSourceFile, SourceFile, infer_source_file
from snakemake.wrapper import get_script

from snakemake_executor_plugin_batchx.storage.sources import LASTING_PART, RUNTIME_PART
from snakemake_executor_plugin_batchx.workflow.environments import COMPANIONS


def collect_remote_sources(workflow: Any) -> list[tuple[str, str]]:
    """Return the fetched sources as (name below the cache's folder in the job, path here).

    What cannot be fetched here is left to the job, whose error then says why it is missing.
    """
    cache = workflow.sourcecache
    roots = ((RUNTIME_PART, cache.runtime_cache_path), (LASTING_PART, cache.cache_path))
    found: dict[str, str] = {}
    for source in _iter_remote_sources(workflow):
        if not cache.exists(source):  # this fetches it, if that has not been done
            continue
        path = Path(cache.get_path(source))
        for part, root in roots:
            if path.is_relative_to(root):
                found.setdefault(os.path.join(part, path.relative_to(root)), str(path))
                break
    return sorted(found.items())


def _iter_remote_sources(workflow: Any) -> Iterator[SourceFile]:
    sources = (*workflow.included, *_iter_scripts(workflow), *_iter_conda_files(workflow))
    for source in dict.fromkeys(sources):  # many jobs have the same
        if not isinstance(source, LocalSourceFile):
            yield source


def _iter_scripts(workflow: Any) -> Iterator[SourceFile]:
    """Yield scripts, notebooks and wrappers of the rules that have jobs."""
    rules = {job.rule.name: job.rule for job in workflow.dag.jobs}
    for rule in rules.values():
        script = rule.script or rule.notebook
        if script and "{" not in str(script):
            yield infer_source_file(script, rule.basedir)
        elif rule.wrapper:
            prefix = workflow.workflow_settings.wrapper_prefix
            found = get_script(rule.wrapper, workflow.sourcecache, prefix=prefix)
            if isinstance(found, SourceFile):  # else why there is none
                yield found


def _iter_conda_files(workflow: Any) -> Iterator[SourceFile]:
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        return
    for job in workflow.dag.jobs:
        spec = job.conda_env_spec
        if isinstance(spec, CondaEnvFileSpec):
            yield spec.file
            companions = (spec.file.replace_suffix([".yaml", ".yml"], s) for s in COMPANIONS)
            yield from filter(None, companions)
