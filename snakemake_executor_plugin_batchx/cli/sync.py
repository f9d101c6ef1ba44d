"""`batchx sync`: the user's own data between this machine and S3."""

import argparse
import functools
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from snakemake_executor_plugin_batchx.aws.s3_access import S3Access, open_s3
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED
from snakemake_executor_plugin_batchx.cli.s3_options import add_s3_options, read_s3_options
from snakemake_executor_plugin_batchx.cli.sync_progress import Progress
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters, Pattern
from snakemake_executor_plugin_batchx.storage.sync.places import (
    PlaceError,
    check_places,
    parse_place,
)
from snakemake_executor_plugin_batchx.storage.sync.plan import Action, Kind
from snakemake_executor_plugin_batchx.storage.sync.run import Order, run_sync
from snakemake_executor_plugin_batchx.storage.words import (
    format_size,
    show_name,
)

DESCRIPTION = """\
Bring a folder, or what is below a prefix in S3, to another place: only what differs moves, and
nothing is removed. One of SRC and DST is s3://bucket/prefix, or both are; the other is a path.

    batchx sync data s3://my-bucket/data
    batchx sync s3://my-bucket/results results --exclude '*' --include '*.vcf.gz'
    batchx sync s3://my-bucket/data s3://other-bucket/data --dry-run

A file stays if its size is the same and, in S3, it is not older than here; here, it has the
object's time. Where the times leave a doubt, checksums are compared.
"""

EPILOG = """\
A pattern is that of shells (* ? [...]) and must fit the whole name below SRC; * fits slashes, too.
Without any, everything is taken; of those that fit a name, the last one counts.

A single file or object as SRC gets the name DST, or its own in DST where that is a folder or ends
with /. Links are followed. Executable files keep their permission bits.
"""

OpenS3 = Callable[..., AbstractContextManager[S3Access]]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "sync",
        help="bring files to S3, from S3, or from one place in S3 to another",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("target", metavar="DST")
    parser.add_argument("--dry-run", action="store_true", help="only say what would move, and why")
    for option, is_taken, text in (
        ("--exclude", False, "leave out names that fit; may be repeated"),
        ("--include", True, "take names that an --exclude before it leaves out; likewise"),
    ):
        parser.add_argument(
            option,
            dest="patterns",
            action="append",
            default=[],
            type=functools.partial(Pattern, is_taken=is_taken),
            metavar="PATTERN",
            help=text,
        )
    parser.add_argument(
        "--checksum", action="store_true", help="compare the contents of all files of the same size"
    )
    parser.add_argument("--no-progress", action="store_true", help="say nothing while files move")
    add_s3_options(parser)
    parser.set_defaults(run=functools.partial(run, parser))


def run(
    parser: argparse.ArgumentParser, args: argparse.Namespace, open_s3: OpenS3 = open_s3
) -> int:
    """Sync; exit with 2 if what was asked for makes no sense, with 130 after Ctrl-C."""
    try:
        source, target = parse_place(args.source), parse_place(args.target)
        check_places(source, target)
        order = Order(
            source,
            target,
            Filters(args.patterns),
            is_by_checksum=args.checksum,
            restore_days=args.restore,
        )
        return run_order(order, args, open_s3)
    except PlaceError as error:
        parser.error(str(error))
    except BatchxError as error:
        # Told in the words of a run's settings; the options here are called likewise.
        raise BatchxError(str(error).replace("--batchx-", "--")) from error


def run_order(order: Order, args: argparse.Namespace, open_s3: OpenS3) -> int:
    """Sync as ordered; tell how far it is and, in the end, what has been done."""
    progress = Progress(
        order.direction,
        sys.stderr,
        time.monotonic,
        lambda: shutil.get_terminal_size().columns,
        is_quiet=args.no_progress or args.dry_run,
    )
    tell = functools.partial(_tell, order.direction.value[0]) if args.dry_run else None
    try:
        with open_s3(**read_s3_options(args)) as s3:
            run_sync(order, s3.engine, s3.open_bucket, progress, tell)
    except KeyboardInterrupt:
        progress.close()
        _say(f"interrupted: {progress.summarize()}; run it again to go on")
        return INTERRUPTED
    finally:
        progress.close()
    if args.dry_run:
        print(progress.summarize_plan())
    else:
        _say(progress.summarize())
    return 0


def _tell(verb: str, action: Action) -> None:
    item = action.item
    if item.is_folder or action.kind is Kind.MAKE_FOLDER:
        print(f"would make {show_name(item.name)}: {action.reason}")
    else:
        size = format_size(item.size)
        print(f"would {verb} {show_name(item.name)} ({size}): {action.reason}")


def _say(text: str) -> None:
    print(f"batchx: {text}", file=sys.stderr, flush=True)
