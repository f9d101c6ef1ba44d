"""The page's list of failures and its table of jobs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.report.columns import tell_machine
from snakemake_executor_plugin_batchx.report.markup import element, text
from snakemake_executor_plugin_batchx.report.rows import SUCCESS
from snakemake_executor_plugin_batchx.report.summaries import PricedJob
from snakemake_executor_plugin_batchx.report.words import (
    format_memory,
    format_money,
    format_seconds_shortly,
    format_share,
)

MOST_JOBS = 2000
"""In the page's table: more make browsers slow, and the CSV has all."""

MOST_FAILURES = 20


@dataclass(frozen=True)
class TableColumn:
    """A column: its heading, its value to sort by, and the value in words."""

    heading: str
    find: Callable[[PricedJob], Any]
    show: Callable[[Any], str] = str
    is_number: bool = True


def _find_used(name: str) -> Callable[[PricedJob], Any]:
    return lambda job: getattr(job.row.usage, name) if job.row.usage else None


COLUMNS = (
    TableColumn("job", lambda job: job.row.name, is_number=False),
    TableColumn("ended", lambda job: job.row.kind or "no end", is_number=False),
    TableColumn("cost", lambda job: job.cost.usd, format_money),
    TableColumn("waited", lambda job: job.row.wait_seconds, format_seconds_shortly),
    TableColumn("ran", lambda job: job.row.wall_seconds, format_seconds_shortly),
    TableColumn("CPU", lambda job: job.cpu_efficiency, format_share),
    TableColumn("peak memory", _find_used("peak_memory_mib"), format_memory),
    TableColumn("of asked", lambda job: job.memory_efficiency, format_share),
    TableColumn("starts", lambda job: len(job.row.starts)),
    TableColumn("machine", tell_machine, is_number=False),
)


def make_failures(jobs: Sequence[PricedJob]) -> str:
    """Return the jobs that failed with what was told of them; empty without any."""
    failed = [job.row for job in jobs if job.row.has_failed]
    items = [
        element("li", element("b", text(row.name)), text(f" – {row.sentence or row.kind}"))
        for row in failed[:MOST_FAILURES]
    ]
    left = len(failed) - len(items)
    more = (
        element("p", text(f"And {left:,} more: batchx report --csv tells of all."), class_="soft")
        if left
        else ""
    )
    return element("ul", *items, class_="failures") + more if items else ""


def make_job_table(jobs: Sequence[PricedJob]) -> str:
    """Return the table; of very many jobs those that failed, and those that ran longest."""
    shown = choose_jobs(jobs)
    note = ""
    if len(shown) < len(jobs):
        words = (
            f"{len(shown):,} of {len(jobs):,} jobs: those that failed, then those that ran longest."
            " batchx report --csv has all."
        )
        note = element("p", text(words), class_="soft")
    heads = [
        element(
            "th",
            element("button", text(column.heading), type="button"),
            scope="col",
            class_=None if column.is_number else "words",
            data_number="" if column.is_number else None,
        )
        for column in COLUMNS
    ]
    rows = [element("tr", *map(_make_cell, COLUMNS, [job] * len(COLUMNS))) for job in shown]
    table = element(
        "table", element("thead", element("tr", *heads)), element("tbody", *rows), id="jobs"
    )
    search = (
        '<label class="needs-script">Filter: <input type="search" id="filter" '
        'placeholder="rule, sample, verdict, machine"></label>'
    )
    return note + search + element("div", table, class_="scroll")


def choose_jobs(jobs: Sequence[PricedJob]) -> list[PricedJob]:
    """Return the jobs that the table shows, in the run's order."""
    if len(jobs) <= MOST_JOBS:
        return list(jobs)
    ranked = sorted(
        range(len(jobs)),
        key=lambda index: (
            not jobs[index].row.has_failed,
            -(jobs[index].row.wall_seconds or 0.0),
        ),
    )
    return [jobs[index] for index in sorted(ranked[:MOST_JOBS])]


def _make_cell(column: TableColumn, job: PricedJob) -> str:
    value = column.find(job)
    shown = "" if value is None else column.show(value)
    if column.is_number:
        return element("td", text(shown), data_value="" if value is None else value)
    is_bad = column.heading == "ended" and value != SUCCESS
    return element("td", text(shown), class_="words bad" if is_bad else "words", title=shown)
