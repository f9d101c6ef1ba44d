"""Tables of what can be asked of Batch: options, resources, settings, flags of containers."""

import re
from collections.abc import Iterable
from dataclasses import Field, fields
from typing import Any

from snakemake_executor_plugin_batchx.plan.docker_flags import (
    FLAGS,
    NOT_IN_BATCH,
    REFUSED_FLAGS,
    RefusedFlag,
)
from snakemake_executor_plugin_batchx.plan.fargate import FARGATE_MEMORY_MIB, MIB_PER_GIB
from snakemake_executor_plugin_batchx.plan.gpu_models import GPU_OF_FAMILY
from snakemake_executor_plugin_batchx.plan.options import BOTH, EC2, OPTIONS, Option
from snakemake_executor_plugin_batchx.plan.standard_resources import (
    INPUT_RESOURCES,
    STANDARD_RESOURCES,
    ResourceRow,
)
from snakemake_executor_plugin_batchx.plan.volume_sources import FORMS
from snakemake_executor_plugin_batchx.reference.markdown import (
    ABSENT,
    make_table,
    mark_code,
    quote,
    quote_all,
)
from snakemake_executor_plugin_batchx.s3_settings import S3Settings
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

API_NAME = re.compile(r"(?<!\()\b[a-zA-Z]{2,}(?:\.[a-zA-Z]+)*(?: [A-Z]{3,})?")
"""A member of Batch's API, with a word of its own after it or not; no word in parentheses."""


def make_options_table() -> str:
    """Return the resources `batchx_…`, each with its setting."""
    return _make_resources_table((*OPTIONS, *INPUT_RESOURCES))


def make_standard_table() -> str:
    """Return Snakemake's own resources, as Batch gets them."""
    return _make_resources_table(STANDARD_RESOURCES)


def make_flags_table() -> str:
    """Return the flags of `docker run` that Batch has."""
    return make_table(
        ("flag", "in Batch's API", "on", "example", "meaning"),
        (
            (
                quote_all(flag.names),
                quote(flag.api_path),
                BOTH if flag.is_on_fargate else EC2,
                quote(flag.example),
                mark_code(flag.meaning),
            )
            for flag in FLAGS
        ),
    )


def make_refused_table() -> str:
    """Return the flags of `docker run` that Batch has not, with the reason."""
    return make_table(
        ("flag", "why it is refused, and what to do"),
        ((quote_all(each.names), _make_reason(each)) for each in REFUSED_FLAGS),
    )


def make_settings_table() -> str:
    """Return the settings of the executor, those about S3 last."""
    of_s3 = {each.name for each in fields(S3Settings)}
    listed = sorted(fields(ExecutorSettings), key=lambda each: each.name in of_s3)
    return make_table(
        ("option", "environment", "in a rule", "meaning"), map(_list_setting_cells, listed)
    )


def make_volumes_table() -> str:
    """Return the ways to write a volume."""
    return make_table(
        ("volume", "options, separated by commas"),
        ((_quote_form(form.wanted), quote_all(form.options)) for form in FORMS),
    )


def make_fargate_table() -> str:
    """Return the sizes that Fargate has."""
    return make_table(
        ("vCPU", "memory in GiB"),
        (
            (f"{vcpus:g}", _list_sizes([mib / MIB_PER_GIB for mib in memories]))
            for vcpus, memories in FARGATE_MEMORY_MIB.items()
        ),
    )


def make_gpus_table() -> str:
    """Return the GPUs that are known, each with the families of instances that have it."""
    families: dict[str, list[str]] = {}
    for family, gpu in GPU_OF_FAMILY.items():
        families.setdefault(str(gpu), []).append(family)
    return make_table(
        ("GPU", "instance families"), ((gpu, quote_all(each)) for gpu, each in families.items())
    )


def _make_resources_table(rows: Iterable[Option | ResourceRow]) -> str:
    return make_table(
        ("resource", "setting", "type", "in Batch's API", "on", "default", "example", "meaning"),
        map(_list_resource_cells, rows),
    )


def _list_resource_cells(row: Option | ResourceRow) -> list[str]:
    return [
        quote(row.resource),
        quote(row.flag) if row.flag else ABSENT,
        row.kind,
        API_NAME.sub(lambda found: quote(found[0]), row.goes_to) or ABSENT,
        row.where,
        mark_code(row.default),
        quote(row.example),
        mark_code(row.meaning),
    ]


def _list_setting_cells(setting: Field[Any]) -> list[str]:
    metavar = setting.metadata.get("metavar")
    option = f"--batchx-{setting.name.replace('_', '-')}"
    resources = [each.resource for each in OPTIONS if each.setting == setting.name]
    resources += [each.resource for each in INPUT_RESOURCES if each.flag == option]
    return [
        quote(f"{option} {metavar}" if metavar else option),
        quote(f"SNAKEMAKE_BATCHX_{setting.name.upper()}"),
        quote_all(resources) or ABSENT,
        mark_code(setting.metadata["help"]),
    ]


def _list_sizes(gib: list[float]) -> str:
    """Return ascending sizes as text: "4 to 16", "16 to 60 by 4", "60, 120, 244"."""
    step = gib[1] - gib[0]
    if len(gib) > 3 and gib == [gib[0] + number * step for number in range(len(gib))]:
        return f"{gib[0]:g} to {gib[-1]:g}" + (f" by {step:g}" if step != 1 else "")
    return ", ".join(f"{each:g}" for each in gib)


def _make_reason(refused: RefusedFlag) -> str:
    """Return why a flag is refused as a clause of its own, not one that goes on after the flag."""
    reason = refused.reason
    if reason.startswith(NOT_IN_BATCH):
        reason = f"Batch does not have it{reason.removeprefix(NOT_IN_BATCH)}"
    return mark_code(re.sub(r"^(and|but|which) ", "", reason))


def _quote_form(wanted: str) -> str:
    """Return how a volume is written, the words around it not in backquotes."""
    return re.sub(r"(\S*[:/]\S*[^\s,])", r"`\1`", wanted)
