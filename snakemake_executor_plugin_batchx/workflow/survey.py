"""What the jobs of a run will ask for, looked at before the first of them is submitted."""

from dataclasses import replace
from typing import Any

from snakemake.exceptions import WorkflowError

from snakemake_executor_plugin_batchx.plan.cache_folder import read_cache_patterns
from snakemake_executor_plugin_batchx.plan.module_map import ModuleMap
from snakemake_executor_plugin_batchx.plan.request import Wish
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.workflow.steps import make_label
from snakemake_executor_plugin_batchx.workflow.wishes import make_wish


def survey_wishes(workflow: Any, modules: ModuleMap) -> tuple[list[Wish], list[str]]:
    """Return what the jobs that are to run on Batch ask for, and a sentence for each mistake.

    Of equal wishes of a rule the first stands for all, and of equal mistakes. Jobs that a
    checkpoint brings later are not among them, nor those whose resources Snakemake can only tell
    once inputs are there.
    """
    wishes: dict[tuple[str, Wish], Wish] = {}
    mistakes: dict[tuple[str, str], str] = {}
    for job in workflow.dag.needrun_jobs():
        if job.is_local:
            continue
        label, rule = make_label(job), job.rule.name
        problems = Problems(label)
        try:
            resources = job.resources
        except WorkflowError:
            continue
        with problems:
            read_cache_patterns(resources, label)
        with problems:
            wish = make_wish(job, [job], label, workflow, modules)
            wish = replace(wish, is_grouped=job.group is not None)
            wishes.setdefault((rule, replace(wish, label="")), wish)
        for sentence in problems.sentences:
            mistakes.setdefault((rule, sentence.removeprefix(label)), sentence)
    return list(wishes.values()), list(mistakes.values())
