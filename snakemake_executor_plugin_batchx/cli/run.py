"""`batchx run`: runs whose head is a Batch job itself, and what becomes of them."""

import argparse
import functools
import getpass
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options
from snakemake_executor_plugin_batchx.cli.batch_access import say
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED
from snakemake_executor_plugin_batchx.cli.run_actions import (
    LISTED,
    ROOT_VARIABLE,
    act,
    attach_to,
    open_here,
    run_attach,
    run_cancel,
    run_list,
    run_logs,
)
from snakemake_executor_plugin_batchx.detached.head_job import HeadPlanner, HeadWish
from snakemake_executor_plugin_batchx.detached.living import refuse_living
from snakemake_executor_plugin_batchx.detached.notes import read_notes, write_note
from snakemake_executor_plugin_batchx.detached.order import CHECKPOINT_SECONDS
from snakemake_executor_plugin_batchx.detached.reading import read_arguments
from snakemake_executor_plugin_batchx.detached.runs import read_run
from snakemake_executor_plugin_batchx.detached.starting import Starter, StartWish
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.setting_checks import check_settings, choose_s3_root
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters, Pattern

DESCRIPTION = """\
Run Snakemake's head as a Batch job, so that the run needs no open laptop: put
`batchx run --detach --` before `snakemake` and all its arguments. The folder is sent to the S3
root, and what the run has made comes back with `batchx run attach`.

    batchx run --detach -- snakemake --executor batchx --batchx-job-queue my-queue … -j 100
    batchx run list
    batchx run attach
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "run",
        help="run Snakemake itself on AWS Batch, detached from this machine",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--detach",
        action="store_true",
        help="do not wait for the run's end; without it, Ctrl-C detaches",
    )
    _add_head_options(parser)
    parser.set_defaults(run=start_or_stop, snakemake_arguments=())
    _add_actions(parser)


def _add_head_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image",
        metavar="IMAGE",
        help="the image in which the head runs: local rules find their "
        "tools there (default: a public one of Python)",
    )
    for name, kind, unit, usual in HEAD_SIZES:
        parser.add_argument(
            name,
            type=kind,
            default=usual,
            metavar=unit,
            help=f"of the head (default: {usual})",
        )
    parser.add_argument(
        "--env",
        dest="variables",
        action="append",
        default=[],
        metavar="NAME",
        help="a variable of this machine that the head gets, such as those of envvars:; may be "
        "repeated. Its value travels encrypted and is deleted at the end",
    )
    parser.add_argument(
        "--exclude",
        dest="excluded",
        action="append",
        default=[],
        metavar="PATTERN",
        help="what of the folder is not sent, as for batchx sync; may be repeated",
    )
    parser.add_argument(
        "--checkpoint-seconds",
        type=parse_positive,
        default=CHECKPOINT_SECONDS,
        metavar="N",
        help="how often what is new on the head's disk goes to S3 (default: 60)",
    )


def parse_positive(text: str) -> float:
    """Return a number above 0. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (0 < number < math.inf):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return number


def parse_positive_whole(text: str) -> int:
    """Return a whole number above 0. Raises ArgumentTypeError."""
    number = parse_positive(text)
    if number != int(number):
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return int(number)


HEAD_SIZES = (
    ("--vcpus", parse_positive, "N", 1),
    ("--memory-mib", parse_positive_whole, "MIB", 2048),
)


def _add_actions(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    texts = (
        ("list", "list detached runs", run_list),
        ("attach", "follow a run to its end, and bring home what it has made", run_attach),
        ("logs", "print what a run's Snakemake has written", run_logs),
        ("cancel", "end a run and its jobs", run_cancel),
    )
    for name, text, action in texts:
        each = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        if name != "list":
            each.add_argument(
                "detached_id",
                nargs="?",
                metavar="ID",
                help="or its beginning (default: the latest)",
            )
        each.add_argument(
            "--s3-root",
            metavar="S3_URL",
            help=f"where the runs are (default: that of this folder's runs, else {ROOT_VARIABLE})",
        )
        add_aws_options(each)
        each.set_defaults(run=functools.partial(act, action))
        if name == "logs":
            each.add_argument("-f", "--follow", action="store_true", help="until the run ends")
        if name == "list":
            each.add_argument("--all", action="store_true", help=f"more than the last {LISTED}")
            each.add_argument("--json", action="store_true", help="as JSON, a list of runs")


def split_words(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Split the command line of `batchx run` at its first --: what follows is Snakemake's.

    Raises BatchxError where the -- before `snakemake` was forgotten.
    """
    words = list(argv)
    if words[:1] != ["run"]:
        return words, ()
    if "--" not in words:
        if "snakemake" in words:
            raise BatchxError("Put -- before snakemake, as in batchx run --detach -- snakemake …")
        return words, ()
    at = words.index("--")
    return words[:at], tuple(words[at + 1 :])


def start_or_stop(args: argparse.Namespace) -> int:
    """Start a detached run; after Ctrl-C nothing half sent is left that a head could take up."""
    try:
        return run_start(args)
    except KeyboardInterrupt:
        say("interrupted: batchx run list shows the runs that have begun")
        return INTERRUPTED


def run_start(args: argparse.Namespace) -> int:
    """Start a detached run; without --detach, attach to it."""
    if not args.snakemake_arguments:
        raise BatchxError(
            "Nothing is to be run: put `batchx run --detach --` before snakemake and its arguments."
        )
    asked = read_arguments(args.snakemake_arguments)
    options = check_settings(asked.settings)
    root = choose_s3_root(asked.settings.s3_root, asked.storage)
    site = open_here(asked.settings, root)
    folder = Path(asked.directory)
    _refuse_second(folder)
    refuse_living(folder)
    head = HeadWish(args.image, args.vcpus, args.memory_mib)
    sent = Filters(Pattern(each, is_taken=False) for each in args.excluded)
    wish = StartWish(
        tuple(args.variables), lambda path: not sent.takes(path), args.checkpoint_seconds
    )
    planner = HeadPlanner(site, asked.settings, options, head, say)
    note = Starter(site, asked, planner, say).start(wish, os.environ, getpass.getuser())
    if args.detach:
        say(
            f"it goes on without this machine; batchx run attach {note.detached_id} follows it and "
            "brings home what it makes"
        )
        return 0
    return attach_to(site, note.detached_id, note, Path(asked.directory))


def _refuse_second(folder: Path) -> None:
    """Refuse a run where an earlier one goes on, or has brought nothing home."""
    for note in read_notes(folder):
        if note.is_home or not note.works_in(folder):
            continue
        site = open_here(ExecutorSettings(region=note.region, profile=note.profile), note.s3_root)
        if site.read_json(site.get_place(note.detached_id).order_key) is None:
            write_note(replace(note, is_home=True), folder)  # nothing is left of it
            continue
        run = read_run(site, note.detached_id)
        if run.job is None and run.is_over and run.end is None:
            continue  # it never came to a head
        if not run.is_over:
            raise BatchxError(
                f"Detached run {note.detached_id} goes on in this folder ({run.tell()}): follow it "
                "by batchx run attach, or end it by batchx run cancel."
            )
        raise BatchxError(
            f"What detached run {note.detached_id} has made ({run.tell()}) is not here yet: bring "
            "it home by batchx run attach, so that nothing is run twice."
        )
