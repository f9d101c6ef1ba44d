"""The report of a run, brought together: its journal, usages in S3, prices; and written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.ports import Log
from snakemake_executor_plugin_batchx.report.columns import make_csv
from snakemake_executor_plugin_batchx.report.page import make_page
from snakemake_executor_plugin_batchx.report.prices import (
    PriceTable,
    read_prices,
    read_shipped_prices,
)
from snakemake_executor_plugin_batchx.report.reading import (
    add_usage,
    list_missing_results,
    read_run,
)
from snakemake_executor_plugin_batchx.report.rows import RunRecord
from snakemake_executor_plugin_batchx.report.summaries import Report, make_report
from snakemake_executor_plugin_batchx.storage.temporary import make_temporary
from snakemake_executor_plugin_batchx.usages import FoundUsages

AWS_PRICES = "aws"
"""In the place of a file: those that AWS tells."""

WRITERS: dict[str, Callable[[Report], str]] = {".html": make_page, ".csv": make_csv}
"""What makes a report's text, by the suffix of its file."""

ReadUsages = Callable[[Sequence[str]], FoundUsages]
AskPrices = Callable[[RunRecord], PriceTable]
"""Asks AWS for the prices of what a run used. Raises BatchxError where it does not tell."""


@dataclass(frozen=True)
class ReportSource:
    """Where a report comes from: a journal, and ways to what it lacks.

    `prices` is a file, `aws`, or None for the table of batchx.
    """

    journal: Path
    prices: str | None
    read_usages: ReadUsages
    ask_prices: AskPrices

    def make(self, say: Callable[[str], None]) -> Report:
        """Return the report; what could not be had is said, and missing in it.

        Raises OSError where there is no journal, BatchxError where prices make no sense.
        """
        run = read_run(self.journal)
        wanted = list_missing_results(run)
        if wanted:
            found = self.read_usages(wanted)
            run = add_usage(run, found.usages)
            left = len(wanted) - len(found.usages)
            if left:
                jobs = "1 job" if left == 1 else f"{left:,} jobs"
                say(f"What {jobs} used could not be read: {found.problem}")
        return make_report(run, self._find_prices(run, say))

    def _find_prices(self, run: RunRecord, say: Callable[[str], None]) -> PriceTable:
        if self.prices != AWS_PRICES:
            return load_prices(self.prices)
        try:
            return self.ask_prices(run)
        except BatchxError as error:
            say(f"Prices are those of batchx's own table, for AWS does not tell: {error}")
            return read_shipped_prices()


def load_prices(name: str | None) -> PriceTable:
    """Return the prices of a file, without one those of batchx.

    Raises BatchxError where the file is none.
    """
    return read_prices(Path(name)) if name else read_shipped_prices()


def check_target(path: Path) -> Iterable[str]:
    """Yield what is wrong with a file to which a report shall go."""
    try:
        if path.suffix.lower() not in WRITERS:
            yield f"it must end with {' or '.join(WRITERS)}"
        elif not path.parent.is_dir():
            yield f"there is no folder {path.parent}"
        elif path.is_dir():
            yield "it is a folder"
        else:
            with make_temporary(path) as temporary:
                temporary.touch()
    except OSError as error:
        yield f"it cannot be written ({error.strerror})"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises OSError where it cannot be written.

    Names of files, and so labels, may have what is no text.
    """
    data = text.encode("utf-8", errors="replace")
    if path.exists() and not path.is_file():  # a pipe, a terminal
        path.write_bytes(data)
        return
    target = path.resolve()
    with make_temporary(target) as temporary:
        temporary.write_bytes(data)
        temporary.replace(target)


def write_report(source: ReportSource, path: Path, log: Log) -> None:
    """Write a run's report as it ends; whatever goes wrong is told and hurts no run."""
    try:
        report = source.make(lambda text: log.info(f"batchx: {text}"))
        write_text(path, WRITERS[path.suffix.lower()](report))
        log.info(f"batchx: report: {path}")
    except Exception as error:  # noqa: BLE001 - the run has ended, and its jobs are done
        log.warning(f"batchx: the report could not be written: {type(error).__name__}: {error}")
