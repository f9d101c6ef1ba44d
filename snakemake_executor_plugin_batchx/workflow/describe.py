"""Snakemake's job objects as plain values."""

import os
from collections.abc import Iterator
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.step import describe_step
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.spec import Product
from snakemake_executor_plugin_batchx.workflow.command import make_job_argv

IMAGE_RESOURCE = "batchx_image"
"""The resource that overrides a rule's container, from rule, profile or --set-resources."""

NEVER_STAGED = ("pipe", "service", "nodelocal")
"""Flags of paths that live inside one job only, as a group's rules share them."""


def list_steps(job: Any) -> list[Any]:
    """Return the rule instances of a job: itself, or those of a group."""
    return list(job.jobs) if job.is_group() else [job]


def describe_job(job: Any, executor: Any) -> JobDescription:
    """Return a job as plain values. Raises BatchxError for what cannot run as one Batch job."""
    steps = list_steps(job)
    rules = tuple(sorted({step.rule.name for step in steps}))
    label = _make_label(job)
    _refuse_commas(steps, label)
    return JobDescription(
        label=label,
        rules=rules,
        attempt=job.attempt,
        argv=make_job_argv(job, executor),
        container=_choose_container(steps, label, executor.workflow),
        resources=dict(job.resources.items()),
        inputs=tuple(_iter_inputs(steps)),
        products=tuple(_iter_products(steps, is_group=job.is_group())),
        steps=tuple(describe_step(step) for step in steps),
    )


def _make_label(job: Any) -> str:
    """Return how messages call a job: enough to tell it from its like."""
    if job.is_group():
        return f"Group {job.groupid}"
    wildcards = ", ".join(f"{name}={value}" for name, value in job.wildcards_dict.items())
    return f"Rule {job.rule.name}" + (f" ({wildcards})" if wildcards else "")


def _refuse_commas(steps: list[Any], label: str) -> None:
    """Refuse what Snakemake itself cannot tell the Snakemake in a job (--target-jobs)."""
    for step in steps:
        for name, value in step.wildcards_dict.items():
            if "," in str(value):
                raise BatchxError(
                    f"{label}: wildcard {name}={value!r} holds a comma, which Snakemake cannot "
                    "hand to a job: rename the file."
                )


def list_updated_outputs(job: Any) -> list[str]:
    """Return the outputs of a job that are there already and that it will change (update())."""
    outputs = (file for step in list_steps(job) for file in step.output)
    return [str(f) for f in outputs if f.flags.get("update") and os.path.lexists(f)]


def find_protected_output(description: JobDescription) -> str | None:
    """Return an output that is there and write-protected, as protected() leaves it, else None.

    By its mode bits: the superuser may write anything, and what runs must not depend on who runs
    the head.
    """
    for product in description.products:
        path = product.path
        is_file = product.kind == "output" and os.path.exists(path) and not os.path.islink(path)
        if is_file and not os.stat(path).st_mode & 0o222:
            return path
    return None


def _choose_container(steps: list[Any], label: str, workflow: Any) -> str | None:
    default = workflow.remote_execution_settings.container_image
    containers = {
        step.resources.get(IMAGE_RESOURCE) or step.container_img_url or default for step in steps
    }
    if len(containers) > 1:
        shown = ", ".join(sorted(map(str, containers)))
        raise BatchxError(
            f"{label} joins rules of different containers ({shown}), but a group is one Batch job "
            f"with one image: give its rules the same container, or set {IMAGE_RESOURCE} for them."
        )
    container: str | None = containers.pop()
    return container


def _is_staged(file: Any) -> bool:
    return not file.is_storage and not any(file.flags.get(flag) for flag in NEVER_STAGED)


def _iter_inputs(steps: list[Any]) -> Iterator[str]:
    """Yield the paths that must stand in the job before it starts, each once."""
    made_inside = {str(f) for step in steps for f in (*step.output, *step.log)}
    seen: set[str] = set()
    for step in steps:
        inputs = [f for f in step.input if str(f) not in made_inside]
        # update() changes a file that is there; the first time it is not.
        inputs += [f for f in step.output if f.flags.get("update") and os.path.lexists(f)]
        for file in inputs:
            if _is_staged(file) and str(file) not in seen:
                seen.add(str(file))
                yield str(file)


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
