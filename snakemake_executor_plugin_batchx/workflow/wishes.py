"""What a job's rules ask of Batch: their resources, and what the site's module map says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.job_options import (
    NO_OPTIONS,
    JobOptions,
    read_resources,
)
from snakemake_executor_plugin_batchx.plan.module_map import ModuleMap
from snakemake_executor_plugin_batchx.plan.options import OTHER_RESOURCES, PREFIX
from snakemake_executor_plugin_batchx.plan.request import Wish
from snakemake_executor_plugin_batchx.plan.resources import NO_DEMAND, read_demand
from snakemake_executor_plugin_batchx.plan.values import Problems

IMAGE_RESOURCE = "batchx_image"
"""The resource that overrides a rule's container, from rule, profile or --set-resources."""

DISK = "disk_mb"


def make_wish(
    job: Any, steps: Sequence[Any], label: str, workflow: Any, modules: ModuleMap
) -> Wish:
    """Return what a job (single or group) of these steps asks for.

    Raises BatchxError with a sentence for each resource that is wrong.
    """
    problems = Problems(label)
    demand, options, container, is_mapped = NO_DEMAND, NO_OPTIONS, "", False
    with problems:
        demand = read_demand(_drop_guess(job, steps, workflow), label)
    with problems:
        options = _read_options(steps, label)
    with problems:
        container = choose_container(steps, label, workflow, modules)
        if options.queue is None:
            options = replace(options, queue=_choose_queue(steps, label, modules))
            is_mapped = options.queue is not None
    problems.raise_all()
    return Wish(label, demand, options, container, is_mapped)


def _drop_guess(job: Any, steps: Sequence[Any], workflow: Any) -> Mapping[str, Any]:
    """Return a job's resources without a disk that no rule names.

    What --default-resources says of it, 50 GB by Snakemake itself, is a guess for rules that say
    nothing; a host with less may do.
    """
    default = workflow.resource_settings._parsed_default_resources.get(DISK)
    resources = dict(job.resources.items())
    # Rules have copies, so equal is what a default is known by.
    if all(step.rule.resources.get(DISK) == default for step in steps):
        for name in (DISK, "disk_mib", "disk"):
            resources.pop(name, None)
    return resources


def _read_options(steps: Sequence[Any], label: str) -> JobOptions:
    """Return what the rules of a job ask for; those of a group must not contradict each other.

    Snakemake's own sums of a group would add up priorities.
    """
    if len(steps) == 1:
        return read_resources(steps[0].resources, label)
    gathered: dict[str, Any] = {}
    for step in steps:
        for name, value in step.resources.items():
            if not name.startswith(PREFIX) or name in OTHER_RESOURCES:
                continue
            # Of images choose_container tells.
            if gathered.setdefault(name, value) != value and name != IMAGE_RESOURCE:
                raise BatchxError(
                    f"{label} joins rules with different {name} ({gathered[name]!r} and "
                    f"{value!r}), but a group is one Batch job: give its rules the same."
                )
    return read_resources(gathered, label)


def choose_container(steps: Sequence[Any], label: str, workflow: Any, modules: ModuleMap) -> str:
    """Return what a job of these steps runs in; "" where nothing names anything.

    `batchx_image` wins over what the module map makes of the rule, that over its `container:`, and
    that over --container-image. Raises BatchxError where the steps name several.
    """
    default = workflow.remote_execution_settings.container_image
    containers = {
        step.resources.get(IMAGE_RESOURCE)
        or modules.choose_container(step.rule.name, step.container_img_url or "")
        or default
        or ""
        for step in steps
    }
    if len(containers) > 1:
        shown = ", ".join(sorted(map(str, containers)))
        raise BatchxError(
            f"{label} joins rules of different containers ({shown}), but a group is one Batch job "
            f"with one image: give its rules the same container, or set {IMAGE_RESOURCE} for them."
        )
    return str(containers.pop())


def _choose_queue(steps: Sequence[Any], label: str, modules: ModuleMap) -> str | None:
    queues = {modules.choose_queue(step.rule.name, step.container_img_url or "") for step in steps}
    if len(queues) > 1:
        raise BatchxError(
            f"{label} joins rules that --batchx-module-map sends to different queues "
            f"({', '.join(sorted(map(str, queues)))}), but a group is one Batch job: set "
            "batchx_queue for them."
        )
    return queues.pop()
