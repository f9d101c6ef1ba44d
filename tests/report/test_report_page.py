"""The page: its figures, and that nobody's text becomes markup."""

import itertools
import re
from html.parser import HTMLParser

import pytest
from run_kit import BEGUN, MadeJournal

from snakemake_executor_plugin_batchx.report.job_table import MOST_JOBS, choose_jobs
from snakemake_executor_plugin_batchx.report.page import make_page
from snakemake_executor_plugin_batchx.report.phases import Phase, find_phases
from snakemake_executor_plugin_batchx.report.timeline import (
    BINS,
    LABEL_SIGNS,
    MOST_BARS,
    Scale,
    count_phases,
    draw_timeline,
)

EVIL = """</title><script>alert(1)</script><img src=x onerror="alert(2)">'&"""

VOID = {"meta", "input"}


class Markup(HTMLParser):
    """The elements of a page, which must be properly nested."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def make_evil_journal() -> MadeJournal:
    journal = MadeJournal()
    journal.events[0]["queue"] = EVIL
    journal.tell_host(EVIL, EVIL)
    journal.submit(label=EVIL, rules=(EVIL,), memory_mib=8192)
    journal.end_job()
    journal.submit("000002", label=EVIL, rules=(EVIL,))
    journal.judge("000002", EVIL, sentence=EVIL)
    return journal


def test_texts_of_users_are_no_markup() -> None:
    page = make_page(make_evil_journal().report())
    markup = Markup(page)
    assert "img" not in markup.names
    assert markup.names.count("script") == 1
    assert not any(name.startswith("on") for name, _ in markup.attributes)
    assert "alert(1)" in page


def test_nothing_is_asked_for_elsewhere() -> None:
    page = make_page(make_evil_journal().report())
    markup = Markup(page)
    assert not {"link", "iframe", "object", "img"} & set(markup.names)
    assert not {"src", "href"} & {name for name, _ in markup.attributes}
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src &#x27;none&#x27;" in page


def test_a_run_without_jobs_has_a_page() -> None:
    assert "No job got as far" in make_page(MadeJournal().report())


def test_phases_of_a_job() -> None:
    journal = MadeJournal()
    journal.submit()
    state = {"submission": "000001", "reason": "", "attempts": 0}
    journal.add("state", 52, status="STARTING", **state)
    journal.end_job(starts=((20, 50), (60, 160)))
    (row,) = journal.report().run.jobs
    found = [(p.name, p.begun - BEGUN, p.ended - BEGUN) for p in find_phases(row, BEGUN + 999)]
    assert found == [
        ("waiting", 5, 20),
        ("lost", 20, 50),
        ("waiting", 50, 52),
        ("starting", 52, 60),
        ("staging", 60, 70),
        ("running", 70, 155),
        ("staging", 155, 160),
    ]


def test_phases_of_a_job_that_has_not_ended() -> None:
    journal = MadeJournal()
    journal.submit()
    for seconds, status in ((1, "RUNNABLE"), (4, "STARTING"), (6, "RUNNING")):
        state = {"submission": "000001", "reason": "", "attempts": 0}
        journal.add("state", seconds, status=status, **state)
    (row,) = journal.report().run.jobs
    found = [(phase.name, phase.ended - phase.begun) for phase in find_phases(row, BEGUN + 10)]
    assert found == [("waiting", 3), ("starting", 2), ("running", 4)]


def make_large_journal(count: int) -> MadeJournal:
    journal = MadeJournal()
    for number in range(1, count + 1):
        journal.submit(f"{number:06}")
        kind = "tool" if number == count else "success"
        journal.end_job(f"{number:06}", kind, starts=((20 + number % 50, 130),))
    return journal


def test_many_jobs_are_counted_not_drawn() -> None:
    few, _ = draw_timeline(make_large_journal(MOST_BARS).report().run)
    many, sentence = draw_timeline(make_large_journal(MOST_BARS + 1).report().run)
    assert few.count('class="job"') == MOST_BARS
    assert many.count('class="job"') == 0
    assert "how many of them" in sentence
    assert len(many) < 60_000


def test_names_beside_bars_keep_what_tells_jobs_apart() -> None:
    journal = MadeJournal()
    for number in (1, 2):
        label = f"Rule align_reads_to_the_genome (sample=tumour, lane={number})"
        journal.submit(f"{number:06}", label=label)
        journal.end_job(f"{number:06}")
    figure, _ = draw_timeline(journal.report().run)
    names = re.findall(r'class="name">(.*?)</text>', figure)
    assert len(set(names)) == 2
    assert all(name.startswith("align_reads") and len(name) <= LABEL_SIGNS for name in names)


def test_times_below_the_timeline_are_of_one_kind() -> None:
    words = [word for _, word in Scale(0.0, 8500.0).iter_ticks()]
    assert words[:6] == ["0 s", "20 min", "40 min", "1 h", "1 h 20 min", "1 h 40 min"]
    assert [word for _, word in Scale(0.0, 15.0).iter_ticks()][:3] == ["0 s", "2 s", "4 s"]
    assert [word for _, word in Scale(0.0, 4e5).iter_ticks()][2] == "2 d"
    assert [word for _, word in Scale(0.0, 3e5).iter_ticks()][3] == "1 d 12 h"


def test_counted_bins_leave_no_gaps() -> None:
    figure, _ = draw_timeline(make_large_journal(MOST_BARS + 1).report().run)
    (path,) = re.findall(r'<path d="([^"]*)" class="running"', figure)
    spans = re.findall(r"M([\d.]+) [\d.]+H([\d.]+)v", path)
    assert len(spans) > 50
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_the_page_says_of_how_many_jobs_its_cost_is() -> None:
    journal = make_large_journal(3)
    journal.tell_host()
    assert "estimated cost<" in make_page(journal.report())
    journal.submit("000004")
    journal.end_job("000004", host=None)
    assert "estimated cost of 3 jobs, others unknown" in make_page(journal.report())


def test_counted_phases_add_up() -> None:
    scale = Scale(0.0, 100.0)
    spans = [(0.0, 100.0), (10.2, 10.3), (33.3, 77.7), (99.9, 100.0)]
    rows = [[Phase("running", begun, ended)] for begun, ended in spans]
    bins = count_phases(rows, scale)["running"]
    assert len(bins) == BINS
    total = sum(ended - begun for begun, ended in spans)
    assert sum(bins) * 100 / BINS == pytest.approx(total)
    assert max(bins) <= 3


def test_of_very_many_jobs_failures_are_shown() -> None:
    report = make_large_journal(MOST_JOBS + 50).report()
    shown = choose_jobs(report.jobs)
    assert len(shown) == MOST_JOBS
    assert shown[-1].row.has_failed
    assert len(make_page(report)) < 3_000_000
