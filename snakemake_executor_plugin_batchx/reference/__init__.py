"""The tables of the documentation, made of the data that the code itself works with.

    python -m snakemake_executor_plugin_batchx.reference docs/*.md

writes them anew into the files, between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.permissions.row import HOLDERS
from snakemake_executor_plugin_batchx.reference.command_tables import make_commands_section
from snakemake_executor_plugin_batchx.reference.house_table import make_house_table
from snakemake_executor_plugin_batchx.reference.permission_tables import (
    make_administration_table,
    make_arns_table,
    make_conditions_table,
    make_permissions_table,
)
from snakemake_executor_plugin_batchx.reference.report_tables import (
    make_price_columns,
    make_report_columns,
)
from snakemake_executor_plugin_batchx.reference.request_tables import (
    make_fargate_table,
    make_flags_table,
    make_gpus_table,
    make_options_table,
    make_refused_table,
    make_settings_table,
    make_standard_table,
    make_volumes_table,
)
from snakemake_executor_plugin_batchx.reference.story_tables import (
    make_checks_table,
    make_failures_table,
    make_journal_tables,
    make_kinds_table,
    make_waiting_table,
)

SECTION = re.compile(r"<!-- generated: (?P<name>[\w-]+) -->\n(?:.*?\n)??<!-- end -->", re.DOTALL)

OPENING = re.compile(r"<!-- generated: ([\w-]+) -->")

SECTIONS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "options": make_options_table,
        "standard-resources": make_standard_table,
        "flags": make_flags_table,
        "refused-flags": make_refused_table,
        "settings": make_settings_table,
        "volumes": make_volumes_table,
        "fargate-sizes": make_fargate_table,
        "gpus": make_gpus_table,
        "doctor-checks": make_checks_table,
        "journal": make_journal_tables,
        "report-columns": make_report_columns,
        "price-columns": make_price_columns,
        "failures": make_failures_table,
        "verdict-kinds": make_kinds_table,
        "waiting-causes": make_waiting_table,
        "commands": make_commands_section,
        "house": make_house_table,
        "permission-resources": make_arns_table,
        "permission-conditions": make_conditions_table,
        "permissions-infra": make_administration_table,
        **{
            f"permissions-{holder}": functools.partial(make_permissions_table, holder)
            for holder in HOLDERS
        },
    }
)
"""What makes each generated section, by its name."""


def renew_sections(text: str) -> str:
    """Return a document with its generated sections as they are to be now.

    Raises BatchxError where a section has a name that is not known, or no end.
    """
    names = OPENING.findall(text)
    unknown = sorted(set(names) - SECTIONS.keys())
    if unknown:
        raise BatchxError(
            f"No section is called {', '.join(unknown)}: there are {', '.join(SECTIONS)}."
        )
    renewed, count = SECTION.subn(_make_section, text)
    if count != len(names):
        raise BatchxError("A generated section has no line <!-- end -->: add it.")
    return renewed


def main(paths: Iterable[str]) -> None:
    """Renew the generated sections of files."""
    for path in map(Path, paths):
        text = path.read_text(encoding="utf-8")
        try:
            renewed = renew_sections(text)
        except BatchxError as error:
            raise SystemExit(f"{path}: {error}") from error
        if renewed != text:
            path.write_text(renewed, encoding="utf-8")


def _make_section(found: re.Match[str]) -> str:
    name = found["name"]
    return f"<!-- generated: {name} -->\n{SECTIONS[name]()}<!-- end -->"
