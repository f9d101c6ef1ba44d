"""What a job, or the settings of a run, ask of Batch beside Snakemake's own resources."""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.options import (
    BY_RESOURCE,
    OPTIONS,
    OTHER_RESOURCES,
    PREFIX,
    Option,
)
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.resources import NOT_KNOWN
from snakemake_executor_plugin_batchx.plan.values import Problems, WrongValueError
from snakemake_executor_plugin_batchx.plan.volumes import VolumeMount

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class JobOptions:
    """What is asked for; None where nothing was said. See OPTIONS for what each means."""

    queue: str | None = None
    fallback_queue: str | None = None
    runnable_timeout: int | None = None
    image: str | None = None
    arch: str | None = None
    job_role: str | None = None
    execution_role: str | None = None
    memory_overhead: int | None = None
    priority: int | None = None
    share: str | None = None
    consumables: tuple[tuple[str, int], ...] | None = None
    retries: int | None = None
    tags: Pairs | None = None
    log_group: str | None = None
    options: ContainerOptions | None = None
    volumes: tuple[VolumeMount, ...] | None = None
    secrets: Pairs | None = None
    registry_credentials: Pairs | None = None
    public_ip: bool | None = None
    platform_version: str | None = None
    array: bool | None = None

    def over(self, default: "JobOptions") -> "JobOptions":
        """Return what counts where these (a rule's) and a default's (a run's) are both given.

        What holds several things is joined, thing by thing.
        """
        values = {}
        for option in OPTIONS:
            own, other = getattr(self, option.name), getattr(default, option.name)
            if own is not None and other is not None and option.join:
                own = option.join(own, other)
            values[option.name] = other if own is None else own
        return JobOptions(**values)


NO_OPTIONS = JobOptions()


def read_resources(resources: Mapping[str, Any], label: str) -> JobOptions:
    """Return what a job's resources ask for. `label` names the job, as in "Rule align".

    Raises BatchxError with a sentence for each resource that is wrong, or that batchx has not.
    """
    values: dict[str, Any] = {}
    problems = Problems(label)
    for resource, value in resources.items():
        if not resource.startswith(PREFIX) or resource in OTHER_RESOURCES:
            continue
        if value is None or value == NOT_KNOWN:
            continue
        option = BY_RESOURCE.get(resource)
        if option is None:
            problems.add_reasons([_tell_unknown(resource)])
        else:
            _read_value(option, value, f"resource {resource}=", values, problems)
    problems.raise_all()
    return JobOptions(**values)


def read_settings(settings: object) -> JobOptions:
    """Return what the settings of a run ask of every job.

    Raises BatchxError with a sentence for each that is wrong.
    """
    values: dict[str, Any] = {}
    problems = Problems()
    for option in OPTIONS:
        value = getattr(settings, option.setting) if option.setting else None
        if value not in (None, "", []):
            _read_value(option, value, f"{option.flag} ", values, problems)
    problems.raise_all()
    return JobOptions(**values)


def _read_value(
    option: Option, value: Any, named: str, values: dict[str, Any], problems: Problems
) -> None:
    try:
        values[option.name] = option.read(value)
    except WrongValueError as error:
        shown = option.show(" ".join(value) if isinstance(value, list) else value)
        problems.add_reasons(f"{named}{shown} {reason}" for reason in error.reasons)


def name_source(own: JobOptions, reason: str) -> str:
    """Return a reason that begins with an option's resource, by the name that the user gave it.

    `own` are the rule's: what it does not name came by the flag.
    """
    resource = reason.partition(" ")[0].rstrip(":")
    option = BY_RESOURCE.get(resource)
    if option is None or option.flag is None or getattr(own, option.name) is not None:
        return reason
    return reason.replace(resource, option.flag)


def drop_needless(options: JobOptions, platform: Platform) -> JobOptions:
    """Return the options of a run without those that mean nothing on a queue."""
    needless = {
        option.name: None
        for option in OPTIONS
        if option.needs and not getattr(platform, option.needs)
    }
    return dataclasses.replace(options, **needless)


def _tell_unknown(resource: str) -> str:
    known = [*BY_RESOURCE, *OTHER_RESOURCES]
    # What all begin with is no likeness.
    names = [name.removeprefix(PREFIX) for name in known]
    near = difflib.get_close_matches(resource.removeprefix(PREFIX), names, 1)
    meant = f"did you mean {PREFIX}{near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    return f"resource {resource} is none of batchx: {meant}"
