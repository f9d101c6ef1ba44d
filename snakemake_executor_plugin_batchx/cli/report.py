"""`batchx report`: what a run of this folder took, where it wasted, and what it cost."""

import argparse
import functools
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options, open_aws
from snakemake_executor_plugin_batchx.cli.batch_access import print_any_text, say
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.price_asking import ask_prices
from snakemake_executor_plugin_batchx.recovery import iter_events
from snakemake_executor_plugin_batchx.report.prices import PriceTable
from snakemake_executor_plugin_batchx.report.reading import read_events
from snakemake_executor_plugin_batchx.report.rows import RunRecord
from snakemake_executor_plugin_batchx.report.table import make_lines
from snakemake_executor_plugin_batchx.reporting import WRITERS, ReportSource, write_text
from snakemake_executor_plugin_batchx.storage.bulk_reads import BulkReader
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.sweeping import list_runs
from snakemake_executor_plugin_batchx.usages import FoundUsages, read_usages

STDOUT = "-"

MOST_RUNS_TOLD = 10


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "report",
        help="what a run took, where it wasted, and what it cost",
        description="Sum up a run of this folder, from its journal in .snakemake/batchx: a table "
        "of its rules, what each wastes, with lines to paste, and an estimate of the cost. What "
        "jobs used that the run itself did not read is read from its S3 root.",
    )
    parser.add_argument(
        "run_id", nargs="?", metavar="RUN", help="a run's id, or its beginning (default: the last)"
    )
    parser.add_argument(
        "--csv", metavar="FILE", help="write a line for each job, too; - for standard output alone"
    )
    parser.add_argument("--html", metavar="FILE", help="write a page, likewise")
    parser.add_argument(
        "--prices",
        metavar="FILE|aws",
        help="a table of prices, or 'aws' to ask AWS (default: a table of batchx's own)",
    )
    parser.add_argument(
        "--offline", action="store_true", help="ask nobody: what the journal lacks stays unknown"
    )
    add_aws_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report, and write what was asked for. Raises BatchxError without such a run."""
    if args.csv == STDOUT == args.html:
        raise BatchxError("Standard output takes one of --csv - and --html -, not both.")
    path = find_journal(STATE_DIR, args.run_id)
    begin = read_events(path.stem, itertools.islice(iter_events(path), 1))
    access = _Access(args, begin)
    source = ReportSource(path, args.prices, access.read_usages, access.ask_prices)
    report = source.make(say)
    print_any_text()
    targets = ((args.html, ".html"), (args.csv, ".csv"))
    for name, suffix in targets:
        if name and name != STDOUT:
            _write(Path(name), WRITERS[suffix](report))
    for name, suffix in targets:
        if name == STDOUT:
            sys.stdout.write(WRITERS[suffix](report))
            return 0
    print(*make_lines(report), sep="\n")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise BatchxError(f"{path} cannot be written: {error.strerror}.") from error
    say(f"written: {path}")


def find_journal(folder: Path, wanted: str | None) -> Path:
    """Return the journal of the run that is wanted, of the last one without.

    Raises BatchxError where there is none, or more than one.
    """
    runs = [run.run_id for run in list_runs(folder)]
    if not runs:
        raise BatchxError(
            "There is no run in this folder: .snakemake/batchx, where journals are, has none. Go "
            "to the folder where snakemake ran."
        )
    found = [run_id for run_id in runs if run_id.startswith(wanted or "")]
    if wanted and len(found) != 1 and wanted not in found:
        what = f"{len(found)} runs begin with" if found else "There is no run"
        raise BatchxError(f"{what} {wanted} in this folder: there {_name_runs(runs)}.")
    run_id = wanted if wanted in found else found[-1]
    return folder / f"{run_id}.jsonl"


def _name_runs(runs: Sequence[str]) -> str:
    newest = ", ".join(reversed(runs[-MOST_RUNS_TOLD:]))
    more = f" and {len(runs) - MOST_RUNS_TOLD} older ones" if len(runs) > MOST_RUNS_TOLD else ""
    return f"{'is' if len(runs) == 1 else 'are'} {newest}{more}"


class _Access:
    """The ways to what a journal lacks, opened where they are needed."""

    def __init__(self, args: argparse.Namespace, run: RunRecord) -> None:
        self._args = args
        self._run = run
        self._open = functools.cache(self._open_session)

    def read_usages(self, keys: Sequence[str]) -> FoundUsages:
        """Return what is in S3 of what jobs used, and why not all is."""
        return self._try(functools.partial(self._read_usages, keys))

    def _try(self, read: Callable[[], FoundUsages]) -> FoundUsages:
        if self._args.offline:
            return FoundUsages({}, "--offline was given")
        if _is_gone(self._run):
            return FoundUsages({}, "the embedded AWS of this run has ended, and its S3 with it")
        try:
            return read()
        except BatchxError as error:
            return FoundUsages({}, str(error))

    def _read_usages(self, keys: Sequence[str]) -> FoundUsages:
        session, bucket = self._open(), urlsplit(self._run.root).netloc
        credentials, bundle = session.credentials, session.ca_bundle
        store = S3Gateway(session.s3_client, bucket, credentials=credentials, ca_bundle=bundle)
        with BulkReader(session.s3_client, credentials, bucket, ca_bundle=bundle) as reader:
            return read_usages(reader.read_all, store.read_bytes, keys)

    def ask_prices(self, run: RunRecord) -> PriceTable:
        """Ask AWS for prices. Raises BatchxError where it does not tell."""
        if self._args.offline:
            raise BatchxError("--offline was given.")
        session = self._open()
        return ask_prices(session.make_check_client, session.region, run)

    def _open_session(self) -> AwsSession:
        region = self._args.region or self._run.region or None
        return open_aws(argparse.Namespace(region=region, profile=self._args.profile))


def _is_gone(run: RunRecord) -> bool:
    """Tell whether a run was on an embedded AWS of its own, which ended with it."""
    return run.is_embedded and not os.environ.get("AWS_ENDPOINT_URL")
