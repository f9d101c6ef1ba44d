"""Snakemake's job objects as plain values."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.job.step import describe_step
from snakemake_executor_plugin_batchx.job.values import describe_values
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.module_map import ModuleMap
from snakemake_executor_plugin_batchx.spec import ExpectedStep, Product
from snakemake_executor_plugin_batchx.workflow.checkpoints import list_asked_outputs
from snakemake_executor_plugin_batchx.workflow.command import JobArguments
from snakemake_executor_plugin_batchx.workflow.environments import iter_step_environments
from snakemake_executor_plugin_batchx.workflow.host_cache import CacheMarks
from snakemake_executor_plugin_batchx.workflow.steps import list_steps, list_waves, make_label
from snakemake_executor_plugin_batchx.workflow.storage_files import (
    INSIDE_FLAGS,
    get_storage_dir,
    list_storage_files,
)
from snakemake_executor_plugin_batchx.workflow.wishes import make_wish


class JobDescriber:
    """Describes the jobs of a run.

    `places` are this machine's (job/places.py), `modules` what the site says of tools.
    """

    def __init__(self, executor: Any, places: Places, modules: ModuleMap) -> None:
        self._modules = modules
        self._workflow = executor.workflow
        self._arguments = JobArguments(executor)
        self._places = places
        self._patterns = tuple(executor.executor_settings.host_cache_inputs or ())

    def describe(self, job: Any) -> JobDescription:
        """Return a job as plain values. Raises BatchxError for what cannot run as one Batch job."""
        steps, workflow = list_steps(job), self._workflow
        rules = tuple(sorted({step.rule.name for step in steps}))
        label = make_label(job)
        asked = {str(file): file for step in steps for file in list_asked_outputs(step)}
        marks = CacheMarks(steps, label, self._patterns, workflow)
        inputs = tuple(_iter_inputs(steps, asked.values()))
        return JobDescription(
            rules=rules,
            attempt=job.attempt,
            argv=self._arguments.make_argv(job),
            wish=make_wish(job, steps, label, workflow, self._modules),
            inputs=inputs,
            products=tuple(_iter_products(steps, is_group=job.is_group())),
            steps=tuple(_describe_step(step, self._places) for step in steps),
            checkpoints=tuple(asked),
            environments=tuple(iter_step_environments(steps, workflow)),
            storage_files=list_storage_files(list_waves(job), asked.values(), marks.has),
            storage_dir=get_storage_dir(workflow),
            cached_inputs=marks.select(inputs),
        )


def _describe_step(step: Any, places: Places) -> ExpectedStep:
    described = describe_step(step)
    if described.is_open:
        return described
    return replace(described, values=describe_values(step, places))


def _is_staged(file: Any) -> bool:
    return not file.is_storage and not any(file.flags.get(flag) for flag in INSIDE_FLAGS)


def _iter_inputs(steps: list[Any], asked: Iterable[Any]) -> Iterator[str]:
    """Yield the paths that must stand in the job before it starts, each once."""
    made_inside = {str(f) for step in steps for f in (*step.output, *step.log)}
    inputs = [f for step in steps for f in step.input if str(f) not in made_inside]
    # update() changes a file that is there; the first time it is not.
    updated = [f for step in steps for f in step.output if f.flags.get("update")]
    inputs += [f for f in updated if os.path.lexists(f)]
    yield from dict.fromkeys(str(file) for file in (*inputs, *asked) if _is_staged(file))


def _iter_products(steps: list[Any], *, is_group: bool) -> Iterator[Product]:
    for step in steps:
        for file in filter(_is_staged, step.output):
            # In a group Snakemake removes temp() files as soon as their readers are done.
            is_optional = is_group and bool(file.flags.get("temp"))
            yield Product(str(file), "output", is_optional)
        for file in filter(_is_staged, step.log):
            yield Product(str(file), "log", is_optional=True)
        if step.benchmark and _is_staged(step.benchmark):
            yield Product(str(step.benchmark), "benchmark", is_optional=True)
