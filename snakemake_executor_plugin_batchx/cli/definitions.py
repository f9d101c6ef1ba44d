"""`batchx definitions`: the job definitions of batchx in an account, and an end to old ones."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.batch.definition_listing import (
    interpret_definitions,
    select_definitions,
)
from snakemake_executor_plugin_batchx.batch.described_definitions import make_request
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options
from snakemake_executor_plugin_batchx.cli.batch_access import QUEUE_VARIABLE, open_batch, say
from snakemake_executor_plugin_batchx.cli.definition_lines import make_record, print_definitions
from snakemake_executor_plugin_batchx.cli.definition_pruning import prune
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED, ask_terminal
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE

OLDER_THAN_DAYS = 30


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "definitions",
        help="list, export or prune the job definitions that runs registered",
        description="A run registers one job definition for each rule, image and set of options, "
        "and finds it again later by its name. One is superseded when another was registered later "
        "for the same rule of the same workflow, or a newer revision under its own name.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list them by workflow and rule")
    listing.add_argument("--superseded", action="store_true", help="only those that are")
    add_filters(listing)
    listing.add_argument("--json", action="store_true", help="as JSON, a list of definitions")
    listing.set_defaults(run=run_list)
    add_export(actions)
    add_prune(actions)
    for action in actions.choices.values():
        add_aws_options(action)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that say of which rule and workflow."""
    parser.add_argument("--rule", metavar="NAME", help="only this rule's")
    parser.add_argument("--workflow", metavar="NAME", help="only those of this workflow's folder")


def add_export(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `export`."""
    parser = actions.add_parser(
        "export",
        help="write definitions as JSON that can be registered again",
        description="Write definitions as the JSON that RegisterJobDefinition takes: one object "
        "for one, a list for several. aws batch register-job-definition --cli-input-json "
        "file://FILE registers an object again.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a name (its newest revision is meant), NAME:REVISION or an ARN",
    )
    parser.add_argument("--superseded", action="store_true", help="those of batchx that are")
    parser.add_argument("--all", action="store_true", help="all of batchx")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.set_defaults(run=run_export)


def add_prune(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `prune`."""
    parser = actions.add_parser(
        "prune",
        help="deregister superseded definitions",
        description="Deregister superseded definitions, after showing them and asking. Jobs that "
        "wait or run keep what they were submitted with. Another run that is going on meanwhile, "
        "or a later one, may have to register again what it still wants of them. Definitions that "
        "batchx did not register are never touched, nor is the newest of a rule.",
    )
    parser.add_argument(
        "--older-than",
        type=read_days,
        default=OLDER_THAN_DAYS,
        metavar="DAYS",
        help="only those registered at least so many days ago (default: %(default)s; 0: all that "
        "are superseded)",
    )
    add_filters(parser)
    parser.add_argument("--dry-run", action="store_true", help="only show them")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run_prune)


def read_days(text: str) -> int:
    """Return a number of days. Raises ArgumentTypeError where it is not a whole one from 0 on."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of days, 0 or more")
    return int(text)


def open_gateway(args: argparse.Namespace) -> BatchGateway:
    """Open Batch as the options say. Raises BatchxError without credentials or region.

    A queue's ARN in the environment tells the region where nothing else does.
    """
    queue = os.environ.get(QUEUE_VARIABLE)
    if queue == LOCAL_QUEUE:
        raise BatchxError(
            "The queue local exists only inside a run, and its job definitions end with it, so "
            f"there is nothing to list: unset {QUEUE_VARIABLE}, or set it to a queue of AWS's."
        )
    return open_batch(args, None if args.region else queue)


def run_list(args: argparse.Namespace) -> int:
    """List definitions by workflow and rule."""
    found = select_definitions(
        interpret_definitions(open_gateway(args).list_definitions()),
        rule=args.rule,
        workflow=args.workflow,
        is_superseded_only=args.superseded,
    )
    if args.json:
        print(json.dumps([make_record(each) for each in found], indent=2))
        return 0
    print_definitions(found)
    if not found:
        say("there is no such job definition of batchx in this region")
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write definitions as JSON that RegisterJobDefinition takes."""
    if sum((bool(args.names), args.superseded, args.all)) != 1:
        raise BatchxError(
            "Which job definitions are to be exported? Give either their names, or --superseded, "
            "or --all."
        )
    gateway = open_gateway(args)
    if args.names:
        described = describe_named(gateway, args.names)
    else:
        found = interpret_definitions(gateway.list_definitions())
        chosen = select_definitions(found, is_superseded_only=args.superseded)
        described = [dict(each.described) for each in chosen]
    requests = [make_request(each) for each in described]
    write_text(json.dumps(requests[0] if len(requests) == 1 else requests, indent=2), args.output)
    return 0


def describe_named(gateway: BatchGateway, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return definitions by name, name:revision or ARN. Raises BatchxError where any is missing."""
    found = {name: gateway.describe_definition(name) for name in names}
    missing = [name for name, described in found.items() if described is None]
    if missing:
        raise BatchxError(
            f"There is no active job definition {', '.join(missing)} in this region: name one as "
            "NAME, NAME:REVISION or by its ARN (batchx definitions list shows them)."
        )
    return [described for described in found.values() if described is not None]


def write_text(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file. Raises BatchxError where it cannot be written."""
    if output is None:
        print(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise BatchxError(f"--output {output} cannot be written: {error.strerror}.") from error


def run_prune(args: argparse.Namespace) -> int:
    """Deregister superseded definitions; exit with 1 if any could not be, 130 after Ctrl-C."""
    if not (args.yes or args.dry_run or sys.stdin.isatty()):
        raise BatchxError(
            "There is no terminal on which to ask whether job definitions may be deregistered: "
            "give --yes if they may, or --dry-run to see which."
        )
    try:
        return prune(open_gateway(args), args, datetime.now(UTC), ask_terminal)
    except KeyboardInterrupt:
        say("interrupted: run it again to go on")
        return INTERRUPTED
