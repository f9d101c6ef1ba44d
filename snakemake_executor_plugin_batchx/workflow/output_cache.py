"""Snakemake's cache of outputs between workflows (`--cache`), which lives on this machine.

https://snakemake.readthedocs.io/en/stable/executing/caching.html
"""

import os
from typing import Any

from snakemake_executor_plugin_batchx.storage.tree import remove_path


def has_cache(job: Any) -> bool:
    """Tell whether outputs of a job are looked for in the cache, and kept there.

    The same condition as a local run's (snakemake/executors/local.py, acached_or_run). A group is
    one job on Batch, that runs whole.
    """
    if job.is_group() or job.rule.workflow.workflow_settings.cache is None:
        return False
    return bool(job.rule.cache and job.rule.cache.output)


async def fetch_outputs(job: Any) -> bool:
    """Put a job's outputs in place from the cache; tell whether they were there."""
    if not await job.rule.cache.exists(job):
        return False
    for file in job.output:
        remove_path(file)
        os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
    await job.rule.cache.fetch(job)
    return True


async def store_outputs(job: Any) -> None:
    """Keep a job's outputs in the cache. Raises WorkflowError where it cannot be written."""
    await job.rule.cache.store(job)
