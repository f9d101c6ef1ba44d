"""The containers that a workflow's rules name, without running anything of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import DEFINITION_SCHEME
from snakemake_executor_plugin_batchx.plan.module_map import ModuleMap
from snakemake_executor_plugin_batchx.workflow.wishes import IMAGE_RESOURCE


@dataclass
class Containers:
    """Rules by the container that they name; `open_rules` are those whose jobs decide it."""

    rules: dict[str, list[str]] = field(default_factory=dict)
    open_rules: list[str] = field(default_factory=list)


def read_containers(
    snakefile: Path, config_files: Sequence[Path], modules: ModuleMap
) -> Containers:
    """Parse a Snakefile, as a run in the current folder would.

    `modules` is what the site says of tools.
    Raises BatchxError where it cannot be parsed.
    """
    found = Containers()
    for name, container in _read_rules(snakefile, config_files, modules):
        if isinstance(container, str) and container.startswith(DEFINITION_SCHEME):
            found.open_rules.append(name)
        elif isinstance(container, str) and "{" not in container:
            found.rules.setdefault(container, []).append(name)
        elif container:
            found.open_rules.append(name)
    return found


def _read_rules(
    snakefile: Path, config_files: Sequence[Path], modules: ModuleMap
) -> list[tuple[str, Any]]:
    """Return name and container (text, function or nothing) of the rules that run something."""
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=list(config_files)),
                snakefile=snakefile,
            )
            # The public list_rules() prints names only.
            rules = workflow._workflow.rules
            return [
                (rule.name, _choose_container(rule, modules)) for rule in rules if not rule.norun
            ]
    except Exception as error:  # a Snakefile is a program, and may raise anything
        raise BatchxError(
            f"{snakefile} cannot be parsed ({type(error).__name__}: {error}): mend it, or name "
            "what it needs (--configfile)."
        ) from error


def _choose_container(rule: Any, modules: ModuleMap) -> Any:
    resource = rule.resources.get(IMAGE_RESOURCE)
    wanted = None if resource is None else resource.raw or resource.is_evaluable()
    if wanted or callable(rule.container_img):
        return wanted or rule.container_img
    return modules.choose_container(rule.name, str(rule.container_img or "")) or None
