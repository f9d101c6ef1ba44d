"""A report as lines for a terminal, at most a hundred columns wide."""

import textwrap
from collections.abc import Iterator, Sequence

from snakemake_executor_plugin_batchx.report.advice import Advice, rank_waste
from snakemake_executor_plugin_batchx.report.cost import Total
from snakemake_executor_plugin_batchx.report.rows import ENDED, ENDINGS
from snakemake_executor_plugin_batchx.report.summaries import Report, RuleSummary
from snakemake_executor_plugin_batchx.report.words import (
    count,
    format_hours,
    format_memory_of,
    format_money,
    format_seconds,
    format_seconds_shortly,
    format_share,
    shorten,
)
from snakemake_executor_plugin_batchx.storage.words import format_size

WIDTH = 100

MOST_ADVICES = 5

LEAST_RULE_WIDTH = 8

GAP = "  "

HEADINGS = (
    *("rule", "jobs", "failed", "median", "longest", "waited", "CPU", "peak of memory", "cost"),
)


def make_lines(report: Report) -> list[str]:
    """Return the whole report."""
    rows = [*map(_list_cells, report.rules), _list_cells(report.total)]
    return [
        *_wrap(f"Run {report.run.run_id} {describe_run(report)}"),
        "",
        *_align([HEADINGS, *rows]),
        "",
        *(line for sentence in list_sentences(report) for line in _wrap(sentence)),
        *_make_advice(rank_waste(report.rules)),
    ]


def describe_run(report: Report) -> str:
    """Return where a run was, how long it took, what became of its jobs, and if that is all."""
    run, total = report.run, report.total
    parts = [count(len(report.jobs), "job"), f"{total.succeeded:,} succeeded"]
    parts += [f"{total.failed:,} failed"] if total.failed else []
    parts += [f"{total.unfinished:,} without an end"] if total.unfinished else []
    took = format_seconds(max(0.0, run.ended - run.begun))
    told = "" if run.ending == ENDED else f" {_capitalize(ENDINGS[run.ending])}."
    later = f" Run {run.taken_up_by} took up what was left." if run.taken_up_by else ""
    return f"on {run.queue}, {took}: {', '.join(parts)}.{told}{later}"


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list_cells(rule: RuleSummary) -> tuple[str, ...]:
    return (
        rule.rule,
        f"{len(rule.jobs):,}",
        f"{rule.failed:,}" if rule.failed else "",
        format_seconds_shortly(rule.wall_median),
        format_seconds_shortly(rule.wall_max),
        format_seconds_shortly(rule.wait_median),
        format_share(rule.cpu_efficiency),
        format_memory_of(rule.peak_mib, rule.memory_mib),
        format_cost(rule.cost),
    )


def format_cost(total: Total) -> str:
    """Return what is known of a cost: with + where it is more, with ≤ where it is less."""
    if not total.known:
        return "unknown"
    sign = "≤ " if total.upper_bounds else ""
    return f"{sign}{format_money(total.usd)}{'+' if total.unknown else ''}"


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows in columns that say something; names of rules get what the others leave."""
    names, *others = (each for each in zip(*rows, strict=True) if any(each[1:]))
    widths = [max(map(len, column)) for column in others]
    room = WIDTH - sum(len(GAP) + width for width in widths)
    width_of_names = max(LEAST_RULE_WIDTH, min(room, max(map(len, names))))
    for name, *cells in zip(names, *others, strict=True):
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        yield GAP.join([shorten(name, width_of_names).ljust(width_of_names), *aligned]).rstrip()


def list_sentences(report: Report) -> list[str]:
    """Return what is to be said of the numbers: totals, and how far they can be relied on."""
    total, run = report.total, report.run
    sentences = [*_describe_use(total), _describe_cost(report)]
    silent = sum(1 for job in report.jobs if job.row.kind and job.row.usage is None)
    if silent:
        sentences.append(
            f"Of {count(silent, 'job')} that ended nobody knows what they used: CPU and memory are "
            "those of the others."
        )
    if total.again:
        sentences.append(
            f"AWS Batch began {count(total.again, 'attempt')} again, whose time is paid for, too."
        )
    adopted = sum(job.row.is_adopted for job in report.jobs)
    if adopted:
        sentences.append(
            f"{count(adopted, 'job')} had been submitted by an earlier run and taken up: all of "
            "their time counts here."
        )
    if run.torn_lines:
        sentences.append(f"{count(run.torn_lines, 'line')} of the journal could not be read.")
    if run.foreign_lines:
        sentences.append(
            f"{count(run.foreign_lines, 'line')} of the journal were written by a batchx whose "
            "journals are of another form, and are left out: make the report with that one."
        )
    return sentences


def _describe_use(total: RuleSummary) -> Iterator[str]:
    if total.cpu_efficiency is None:
        yield "How much of what was kept for jobs they used is not known."
    else:
        yield (
            f"CPU was busy for {format_share(total.cpu_efficiency)} of what was kept for jobs; "
            f"{format_hours(total.wasted_vcpu_hours, 'vCPU')} and "
            f"{format_hours(total.wasted_gib_hours, 'GiB')} of memory were kept in vain."
        )
    if total.measured:
        yield (
            f"In: {format_size(total.bytes_in)} in {format_seconds(total.stage_in_seconds)}. Out: "
            f"{format_size(total.bytes_out)} in {format_seconds(total.stage_out_seconds)}."
        )


def _describe_cost(report: Report) -> str:
    cost, run = report.total.cost, report.run
    if not cost.known:
        return f"What it cost is not known: {_find_problem(report)}."
    begin = "On AWS it would have cost" if run.is_embedded else "It cost"
    end = ": this run was on the embedded one." if run.is_embedded else "."
    bound = "at most" if cost.upper_bounds and not cost.unknown else "about"
    without = (
        f", without {count(cost.unknown, 'job')} of unknown cost ({_find_problem(report)})"
        if cost.unknown
        else ""
    )
    parts = [f"{begin} {bound} {format_money(cost.usd)}{without}{end} Prices: {report.prices}."]
    if run.region and report.price_region not in {"", run.region}:
        parts.append(f"The run was in {run.region}, where others hold: --prices aws asks for them.")
    if cost.upper_bounds:
        reckoned = "is reckoned" if cost.upper_bounds == 1 else "are reckoned"
        parts.append(
            f"{count(cost.upper_bounds, 'job')} on spot {reckoned} at the price on demand, for "
            "want of another: spot costs less."
        )
    return " ".join(parts)


def _find_problem(report: Report) -> str:
    problems = dict.fromkeys(job.cost.problem for job in report.jobs if job.cost.problem)
    return "; ".join(problems) or "no job has run"


def _make_advice(advices: Sequence[Advice]) -> Iterator[str]:
    useful = [each for each in advices if each.lines][:MOST_ADVICES]
    if not useful:
        return
    yield ""
    yield "Rules that waste most, with lines to paste:"
    for advice in useful:
        yield f"  {advice.rule}"
        for line in advice.lines:
            yield f"      {line}"
        for reason in advice.reasons:
            yield from _wrap(reason, "    # ")


def _wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
