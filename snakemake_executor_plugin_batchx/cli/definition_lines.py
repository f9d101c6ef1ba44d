"""Job definitions as the commands show them."""

import itertools
from collections.abc import Sequence

from snakemake_executor_plugin_batchx.batch.definition_listing import FoundDefinition


def make_record(found: FoundDefinition) -> dict[str, object]:
    """Return a definition as its entry of --json; what is not known is null."""
    return {
        "name": found.name,
        "revision": found.revision,
        "arn": found.arn,
        "workflow": found.workflow,
        "rule": found.rule,
        "image": found.image,
        "registered": found.registered.isoformat() if found.registered else None,
        "superseded": found.is_superseded,
    }


def print_definitions(definitions: Sequence[FoundDefinition]) -> None:
    """Print a line for each workflow, rule and definition; these must be in that order."""
    for workflow, of_workflow in itertools.groupby(definitions, key=lambda each: each.workflow):
        print("workflow not known" if workflow is None else f"workflow {workflow}")
        for rule, of_rule in itertools.groupby(of_workflow, key=lambda each: each.rule):
            print(f"  rule {rule}")
            for each in of_rule:
                print(f"    {format_definition(each)}")


def format_definition(found: FoundDefinition) -> str:
    """Return the line of a definition."""
    time = f"{found.registered:%Y-%m-%d %H:%M:%S} UTC" if found.registered else "time not known"
    line = f"{found.label}  {time:<23}  {found.image or 'image not known'}"
    return f"{line}  superseded" if found.is_superseded else line


def count_definitions(definitions: Sequence[FoundDefinition]) -> str:
    """Return how many there are, in words."""
    return f"{len(definitions)} job definition{'' if len(definitions) == 1 else 's'}"
