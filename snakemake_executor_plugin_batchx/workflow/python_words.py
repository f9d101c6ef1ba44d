"""Names that Snakemake reads as Python where a user meant a text."""

import builtins
from collections.abc import Iterator
from typing import Any

import snakemake.ioutils

from snakemake_executor_plugin_batchx.plan.options import PREFIX

ARGUMENTS = frozenset({"wildcards", "input", "shutil", "async_run"})
"""What an expression on the command line sees beside Python itself and Snakemake's functions
(snakemake/resources.py, Resource.cli_evaluator)."""

VALUES = frozenset({"True", "False", "None", "attempt", "threads", "system_tmpdir"})
"""Names of what a resource may be."""


def iter_python_words(workflow: Any) -> Iterator[str]:
    """Yield a sentence for each resource of ours that the command line or a profile sets to a name.

    A queue called `max` becomes Python's function, on which Snakemake itself fails later.
    """
    helpers: dict[str, Any] = {}
    snakemake.ioutils.register_in_globals(helpers)
    known = ({*dir(builtins), *helpers} | ARGUMENTS) - VALUES
    for rule in workflow.rules:
        for name, resource in rule.resources.items():
            # What a Snakefile says in quotes is a text already.
            text = resource.raw if resource.is_evaluable() else None
            if name.startswith(PREFIX) and text in known:
                yield (
                    f"Rule {rule.name}: resource {name}={text} is Python's {text}, as Snakemake "
                    f"reads it: put it in quotes of its own, as in {name}='\"{text}\"'."
                )
