"""A report as a page: one file, which asks nobody for anything and can be read without its script.

Nobody's text gets into it but escaped, and its content policy lets no other script run.
"""

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from snakemake_executor_plugin_batchx.report.advice import Advice, rank_waste
from snakemake_executor_plugin_batchx.report.bars import Bar, draw_bars
from snakemake_executor_plugin_batchx.report.cost import Total
from snakemake_executor_plugin_batchx.report.job_table import make_failures, make_job_table
from snakemake_executor_plugin_batchx.report.markup import element, text
from snakemake_executor_plugin_batchx.report.phases import PHASES
from snakemake_executor_plugin_batchx.report.style import SCRIPT, STYLE
from snakemake_executor_plugin_batchx.report.summaries import Report, RuleSummary
from snakemake_executor_plugin_batchx.report.table import (
    describe_run,
    format_cost,
    list_sentences,
)
from snakemake_executor_plugin_batchx.report.timeline import draw_timeline
from snakemake_executor_plugin_batchx.report.words import (
    count,
    format_hours,
    format_memory_of,
    format_money,
    format_seconds,
    format_seconds_shortly,
    format_share,
)
from snakemake_executor_plugin_batchx.storage.words import format_size

MOST_RULES = 40
"""In figures; tables have all."""

MOST_ADVICES = 9

RULE_HEADINGS = (
    *("rule", "jobs", "failed", "cost", "median", "longest", "all", "waited", "CPU", "memory"),
    *("in", "out"),
)


def make_page(report: Report) -> str:
    """Return the page."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = "".join(
        [
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{text(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            element("title", text(f"Run {report.run.run_id}")),
            element("style", STYLE),
        ]
    )
    body = "".join(_iter_sections(report))
    document = element(
        "html",
        element("head", head),
        element("body", body, element("script", SCRIPT)),
        lang="en",
    )
    return f"<!doctype html>\n{document}\n"


def _iter_sections(report: Report) -> Iterable[str]:
    yield _make_header(report)
    drawing, sentence = draw_timeline(report.run)
    legend = [(name, words) for name, words in PHASES.items() if f'class="{name}"' in drawing]
    yield _make_section(
        "Timeline", element("p", text(sentence), class_="soft"), _make_legend(legend), drawing
    )
    slowest = sorted(report.rules, key=lambda rule: -rule.wall_total)
    yield _make_section("Rules, the slowest first", _make_rule_table(slowest, report.total))
    measured = [rule for rule in slowest if rule.measured][:MOST_RULES]
    if measured:
        yield _make_section("Asked for and used", *_draw_use(measured))
    advices = rank_waste(report.rules)
    if advices:
        yield _make_section("Most wasteful rules", _make_advice(advices[:MOST_ADVICES]))
    priced = sorted(
        (rule for rule in report.rules if rule.cost.usd), key=lambda rule: -rule.cost.usd
    )[:MOST_RULES]
    if priced:
        yield _make_section("Cost by rule", _draw_cost(priced))
    failures = make_failures(report.jobs)
    if failures:
        yield _make_section("Failures", failures)
    yield _make_section("Jobs", make_job_table(report.jobs))
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    version = f"batchx {report.run.version}" if report.run.version else "batchx"
    yield element("footer", text(f"Made {made} from the journal of {version}."))


def _make_section(heading: str, *content: str) -> str:
    name = "about-" + heading.lower().replace(",", "").replace(" ", "-")
    return element("section", element("h2", text(heading), id=name), *content, aria_labelledby=name)


def _make_header(report: Report) -> str:
    total, run = report.total, report.run
    tiles = [
        (f"{total.succeeded:,} of {len(report.jobs):,}", "jobs succeeded"),
        (format_seconds(max(0.0, run.ended - run.begun)), "from begin to end"),
        (format_seconds(total.wall_total), "of jobs, added up"),
        (format_share(total.cpu_efficiency), "of the CPU asked for was used"),
        (format_share(total.memory_efficiency), "of the memory asked for was used"),
        _tell_cost(total.cost),
    ]
    items = [element("li", element("b", text(b)), element("span", text(s))) for b, s in tiles]
    begun = datetime.fromtimestamp(run.begun, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return element(
        "header",
        element("h1", text(f"Run {run.run_id}")),
        element("p", text(f"{begun}, {describe_run(report)}"), class_="soft"),
        element("ul", *items, class_="tiles"),
        *(element("p", text(sentence)) for sentence in list_sentences(report)),
    )


def _tell_cost(cost: Total) -> tuple[str, str]:
    """Return an amount, and what it is."""
    if not cost.known:
        return "unknown", "cost"
    bound = ", at most" if cost.upper_bounds and not cost.unknown else ""
    share = f" of {cost.known:,} jobs, others unknown" if cost.unknown else ""
    return format_money(cost.usd), f"estimated cost{bound}{share}"


def _make_legend(entries: Iterable[tuple[str, str]]) -> str:
    items = [element("li", element("i", class_=name), text(words)) for name, words in entries]
    return element("ul", *items, class_="legend")


def _make_rule_table(rules: Iterable[RuleSummary], total: RuleSummary) -> str:
    heads = [
        element("th", text(words), scope="col", class_=None if index else "words")
        for index, words in enumerate(RULE_HEADINGS)
    ]
    rows = [element("tr", *_list_cells(rule)) for rule in rules]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        element("tfoot", element("tr", *_list_cells(total))),
    )
    return element("div", table, class_="scroll")


def _list_cells(rule: RuleSummary) -> Iterable[str]:
    cells = (
        f"{len(rule.jobs):,}",
        f"{rule.failed:,}" if rule.failed else "",
        format_cost(rule.cost),
        format_seconds_shortly(rule.wall_median),
        format_seconds_shortly(rule.wall_max),
        format_seconds_shortly(rule.wall_total),
        format_seconds_shortly(rule.wait_median),
        format_share(rule.cpu_efficiency),
        format_share(rule.memory_efficiency),
        format_size(rule.bytes_in) if rule.measured else "–",
        format_size(rule.bytes_out) if rule.measured else "–",
    )
    name = element("td", text(rule.rule), class_="words", title=rule.rule)
    return [name, *(element("td", text(cell)) for cell in cells)]


def _draw_use(rules: list[RuleSummary]) -> Iterable[str]:
    memory = [
        Bar(
            rule.rule,
            rule.memory_mib or 0.0,
            rule.peak_mib,
            format_memory_of(rule.peak_mib, rule.memory_mib),
        )
        for rule in rules
        if rule.peak_mib is not None
    ]
    cpu = [
        Bar(
            rule.rule,
            1.0,
            rule.cpu_efficiency,
            f"{format_share(rule.cpu_efficiency)} of {rule.vcpus or 0:g} vCPU",
        )
        for rule in rules
        if rule.cpu_efficiency is not None
    ]
    yield _make_legend([("asked", "asked for"), ("used", "used")])
    for heading, bars, is_each_whole in (
        ("Memory: the highest peak of the rule's jobs", memory, False),
        ("CPU: on average over the rule's jobs", cpu, True),
    ):
        if bars:
            drawing = draw_bars(bars, heading, is_each_whole=is_each_whole)
            yield element("figure", element("figcaption", text(heading)), drawing)


def _draw_cost(rules: list[RuleSummary]) -> str:
    bars = [
        Bar(rule.rule, 0.0, rule.cost.usd, f"{format_cost(rule.cost)} for {_count_jobs(rule)}")
        for rule in rules
    ]
    figure = draw_bars(bars, f"Estimated cost by rule, {format_money(bars[0].used)} at most")
    return element("div", figure, class_="scroll")


def _count_jobs(rule: RuleSummary) -> str:
    return count(len(rule.jobs), "job")


def _make_advice(advices: Iterable[Advice]) -> str:
    items = []
    for advice in advices:
        wasted = (
            f"Kept in vain: {format_hours(advice.wasted_vcpu_hours, 'vCPU')}, "
            f"{format_hours(advice.wasted_gib_hours, 'GiB')} of memory"
        )
        lines = element("pre", text("\n".join(advice.lines))) if advice.lines else ""
        reasons = [element("p", text(reason), class_="soft") for reason in advice.reasons]
        items.append(
            element(
                "li", element("h3", text(advice.rule)), element("p", text(wasted)), lines, *reasons
            )
        )
    return element("ul", *items, class_="advice")
