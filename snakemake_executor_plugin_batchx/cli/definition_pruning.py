"""An end to job definitions that others have superseded.

A deregistered definition takes no more jobs, and AWS deletes it after 180 days
(https://docs.aws.amazon.com/batch/latest/APIReference/API_DeregisterJobDefinition.html). That page
tells of nothing that it does to jobs submitted before, which are ended by other calls alone; this
has been seen with the embedded Batch only.
"""

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.definition_listing import (
    FoundDefinition,
    choose_prunable,
    interpret_definitions,
    select_definitions,
)
from snakemake_executor_plugin_batchx.cli.batch_access import say
from snakemake_executor_plugin_batchx.cli.definition_lines import (
    count_definitions,
    print_definitions,
)
from snakemake_executor_plugin_batchx.cli.questions import is_yes


class DefinitionKeeper(Protocol):
    """What pruning needs of the Batch gateway."""

    def list_definitions(self) -> list[dict[str, Any]]:
        """Return all active definitions."""

    def deregister_definition(self, arn: str) -> None:
        """Make one inactive. Raises AwsError where Batch refuses or is out of reach."""


def prune(
    keeper: DefinitionKeeper,
    args: argparse.Namespace,
    now: datetime,
    ask: Callable[[str], str],
) -> int:
    """Deregister what `args` choose, `now`, once the answer is yes; return the exit code."""
    found = interpret_definitions(keeper.list_definitions())
    wanted = select_definitions(found, rule=args.rule, workflow=args.workflow)
    chosen = choose_prunable(wanted, now, args.older_than)
    print_definitions(chosen)
    count = count_definitions(chosen)
    if not chosen:
        age = f"is {args.older_than} days old" if args.older_than else "is there"
        say(f"no superseded job definition {age}: there is nothing to deregister")
        return 0
    if args.dry_run:
        say(f"{count} would be deregistered")
        return 0
    if not args.yes and not is_yes(ask(f"Deregister {count}? [y/N] ")):
        say("nothing was deregistered")
        return 0
    problems = deregister(keeper, chosen)
    for problem in problems:
        say(problem)
    return 1 if problems else 0


def deregister(keeper: DefinitionKeeper, definitions: Sequence[FoundDefinition]) -> list[str]:
    """Deregister definitions; say how many were, and return a sentence for each that was not.

    Where Batch stays out of reach, those that are left are not tried, and told of in one sentence.
    """
    problems = []
    done = 0
    for number, each in enumerate(definitions, start=1):
        try:
            keeper.deregister_definition(each.arn)
            done += 1
        except AwsError as error:
            problems.append(f"{each.label} could not be deregistered: {error}")
            left = len(definitions) - number
            if error.is_transient and left:
                problems.append(f"{left} more were not tried, for the same reason.")
                break
    say(f"deregistered {done} of {count_definitions(definitions)}")
    return problems
