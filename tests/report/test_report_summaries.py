"""Rules summed up, what they waste, and how that is told."""

import re
from typing import Any

import pytest
from run_kit import USAGE, MadeJournal

from snakemake_executor_plugin_batchx.report.advice import Advice, advise, rank_waste
from snakemake_executor_plugin_batchx.report.columns import COLUMNS, make_csv
from snakemake_executor_plugin_batchx.report.summaries import RuleSummary
from snakemake_executor_plugin_batchx.report.table import WIDTH, make_lines
from snakemake_executor_plugin_batchx.report.words import (
    format_hours,
    format_memory,
    format_memory_of,
    format_money,
    format_seconds,
    format_seconds_shortly,
    format_share,
    shorten,
)


def make_rule(*usages: dict[str, Any] | None, kind: str = "success", **asked: Any) -> RuleSummary:
    """Return a rule with a job for each usage (None: of which nobody knows it)."""
    journal = MadeJournal()
    journal.tell_host()
    for number, usage in enumerate(usages, 1):
        journal.submit(f"{number:06}", **asked)
        told = None if usage is None else {**USAGE, **usage}
        journal.end_job(f"{number:06}", kind, told)
    (rule,) = journal.report().rules
    return rule


def test_a_rule_summed_up() -> None:
    rule = make_rule({}, {"wall_seconds": 300.0, "peak_memory_mib": 1024.0}, None, vcpus=2)
    assert (rule.succeeded, rule.failed, rule.measured, rule.starts) == (3, 0, 2, 3)
    assert (rule.wall_median, rule.wall_max, rule.wall_total) == (100.0, 300.0, 500.0)
    assert rule.wait_median == 15.0
    assert rule.cpu_efficiency == pytest.approx(100 / 800)
    assert rule.memory_efficiency == pytest.approx(1536 / 4096)
    assert rule.wasted_vcpu_hours == pytest.approx((150 + 550) / 3600)
    assert rule.wasted_gib_hours == pytest.approx((1.5 * 100 + 1.0 * 300) / 3600)
    assert (rule.bytes_in, rule.bytes_out, rule.disk_mib) == (2000, 4000, 3.0)
    assert rule.cost.known == 3


def test_a_rule_of_which_nothing_is_known() -> None:
    rule = make_rule(None)
    assert (rule.cpu_efficiency, rule.peak_mib, rule.wasted_vcpu_hours) == (None, None, 0.0)
    assert rule.wall_median == 100.0  # Batch's own times are there


@pytest.mark.parametrize(
    ("usages", "asked", "lines"),
    [
        # A quarter more than 1,000 MiB, in MB and whole hundreds.
        ([{"peak_memory_mib": 1000.0}], {"memory_mib": 8192}, ("resources: mem_mb=1400",)),
        # batchx's own part of it is added by itself.
        (
            [{"peak_memory_mib": 1000.0}],
            {"memory_mib": 8192, "overhead_mib": 256},
            ("resources: mem_mb=1100",),
        ),
        (
            [{"peak_memory_mib": 1000.0}, {"peak_memory_mib": 5000.0}],
            {"memory_mib": 8192},
            ("resources: mem_mb=6600",),
        ),
        # Tools that are told it get no less than there was in use.
        (
            [{"peak_memory_mib": 400.0}],
            {"memory_mib": 8192, "overhead_mib": 256},
            ("resources: mem_mb=500",),
        ),
        ([{"peak_memory_mib": 5500.0}], {"memory_mib": 8192}, ()),  # too little to be gained
        ([{"peak_memory_mib": 10.0}], {"memory_mib": 300}, ()),
        ([{"peak_memory_mib": None}], {"memory_mib": 8192}, ()),
        ([{"peak_memory_mib": 1000.0, "oom_kills": 1}], {"memory_mib": 8192}, ()),
        ([None], {"memory_mib": 8192}, ()),
        ([{"cpu_seconds": 85.0}], {"vcpus": 8, "memory_mib": 600}, ("threads: 2",)),
        ([{"cpu_seconds": 550.0}], {"vcpus": 8, "memory_mib": 600}, ()),
        ([{"cpu_seconds": 1.0}], {"vcpus": 1, "memory_mib": 600}, ()),
        ([{"cpu_seconds": 1.0, "wall_seconds": 20.0}], {"vcpus": 8, "memory_mib": 600}, ()),
    ],
)
def test_lines_to_paste(
    usages: list[dict[str, Any] | None], asked: dict[str, Any], lines: tuple[str, ...]
) -> None:
    assert advise(make_rule(*usages, **asked)).lines == lines


def test_no_less_memory_for_a_rule_that_ran_out_of_it() -> None:
    assert advise(make_rule({}, kind="memory", memory_mib=8192)).lines == ()


@pytest.mark.parametrize(
    ("usage", "asked", "lines"),
    [
        # 4 vCPU come with 8 GiB at least, whatever is asked for.
        ({"peak_memory_mib": 500.0, "cpu_seconds": 300.0}, {"vcpus": 4, "memory_mib": 8192}, ()),
        (
            {"peak_memory_mib": 500.0, "cpu_seconds": 300.0},
            {"vcpus": 4, "memory_mib": 16384},
            ("resources: mem_mb=700",),
        ),
        # And 30 GiB with 4 vCPU.
        ({"peak_memory_mib": 30_000.0, "cpu_seconds": 9.0}, {"vcpus": 4, "memory_mib": 30_720}, ()),
        (
            {"peak_memory_mib": 3000.0, "cpu_seconds": 9.0},
            {"vcpus": 2, "memory_mib": 4096},
            ("threads: 1",),
        ),
    ],
)
def test_what_fargate_would_give_all_the_same_saves_nothing(
    usage: dict[str, Any], asked: dict[str, Any], lines: tuple[str, ...]
) -> None:
    assert advise(make_rule(usage, environments=("FARGATE",), **asked)).lines == lines


def test_no_lines_for_jobs_with_gpus() -> None:
    advice = advise(make_rule({}, vcpus=8, memory_mib=32768, gpus=1))
    assert advice.lines == ()
    assert "GPUs" in advice.reasons[0]


def test_a_rule_whose_jobs_ask_for_more_and_more_is_told_both() -> None:
    journal = MadeJournal()
    for number, memory_mib in enumerate((4096, 8192), 1):
        journal.submit(f"{number:06}", memory_mib=memory_mib)
        journal.end_job(f"{number:06}")
    (rule,) = journal.report().rules
    assert "512 of 4,096 to 8,192 MiB in 2 jobs" in advise(rule).reasons[0]


def test_remarks_of_several_lines_are_remarks() -> None:
    lines = make_lines(make_long_journal().report())
    begin = next(i for i, line in enumerate(lines) if line.endswith("threads: 2"))
    assert len(lines[begin + 1 :]) > 1
    assert all(line.startswith("    # ") for line in lines[begin + 1 :])


def make_long_journal() -> MadeJournal:
    journal = MadeJournal()
    journal.submit(vcpus=8, memory_mib=600)
    journal.end_job(usage={**USAGE, "cpu_seconds": 85.0})
    return journal


def test_no_lines_for_a_group() -> None:
    advice = advise(make_rule({}, memory_mib=8192, rules=("one", "two")))
    assert advice.lines == ()
    assert "group" in advice.reasons[0]


def test_the_most_wasteful_comes_first() -> None:
    journal = MadeJournal()
    for number, (rule, memory_mib) in enumerate((("a", 600), ("b", 90_000), ("c", 9000)), 1):
        journal.submit(f"{number:06}", rules=(rule,), memory_mib=memory_mib)
        journal.end_job(f"{number:06}")
    ranked = rank_waste(journal.report().rules)
    assert [each.rule for each in ranked] == ["b", "c", "a"]
    assert all(isinstance(each, Advice) and each.weight > 0 for each in ranked)


def make_mixed_journal() -> MadeJournal:
    journal = MadeJournal()
    journal.tell_host("m5.large", "spot")
    journal.submit("000001", memory_mib=8192, label="=1+1")
    journal.end_job("000001", starts=((20, 50), (60, 120)))
    journal.submit("000002", rules=("a_rule_with_a_name_that_is_much_too_long_for_a_table",))
    journal.end_job("000002", "tool", None)
    journal.submit("000003", event="adopted", environments=("FARGATE",))
    journal.end_job("000003", usage=None, host=None)
    journal.submit("000004", rules=("align", "sort"))
    return journal


def test_the_table_fits_a_terminal_and_tells_what_is_missing() -> None:
    lines = make_lines(make_mixed_journal().report())
    text = " ".join(lines)
    assert max(map(len, lines)) <= WIDTH
    for words in (
        "4 jobs, 2 succeeded, 1 failed, 1 without an end",
        "Its head was killed",
        "2 jobs that ended nobody knows",
        "began 1 attempt again",
        "1 job had been submitted by an earlier run",
        "on spot are reckoned at the price on demand",
        "resources: mem_mb=700",
    ):
        assert words in text
    assert any(line.startswith("align + sort") for line in lines)


def test_names_too_long_for_the_table_keep_their_ends_apart() -> None:
    journal = MadeJournal()
    for number, ending in enumerate(("snps", "indels"), 1):
        journal.submit(f"{number:06}", rules=("call_the_variants_" * 4 + ending,))
        journal.end_job(f"{number:06}")
    lines = make_lines(journal.report())
    assert max(map(len, lines)) <= WIDTH
    begin = next(index for index, line in enumerate(lines) if line.startswith("rule "))
    assert "failed" not in lines[begin]  # a column that says nothing
    assert len({line.split()[0] for line in lines[begin : begin + 4]}) == 4


def test_what_it_cost_is_told_without_signs_to_be_learned() -> None:
    journal = MadeJournal()
    journal.tell_host(market="spot")
    journal.submit()
    journal.end_job()
    assert "It cost at most $" in " ".join(make_lines(journal.report()))
    journal.submit("000002")
    journal.end_job("000002", host=None)
    text = " ".join(make_lines(journal.report()))
    assert re.search(r"It cost about \$0\.\d+, without 1 job of unknown cost \(it is not", text)


@pytest.mark.parametrize(("region", "is_told"), [("eu-west-1", True), ("us-east-1", False)])
def test_prices_of_another_region_are_said_to_be(region: str, is_told: bool) -> None:
    journal = MadeJournal()
    journal.events[0]["endpoint"] = f"https://batch.{region}.amazonaws.com"
    journal.tell_host()
    journal.submit()
    journal.end_job()
    text = " ".join(make_lines(journal.report()))
    assert (f"The run was in {region}, where others hold" in text) == is_told


def test_of_an_older_journal_nothing_is_made_up() -> None:
    journal = MadeJournal()
    journal.submit()
    journal.end_job()
    del journal.events[1]["resources"]
    text = " ".join(make_lines(journal.report()))
    assert "How much of what was kept for jobs they used is not known." in text
    assert "of –" not in text
    assert "for –" not in text


def test_a_run_without_jobs() -> None:
    lines = make_lines(MadeJournal().report())
    assert "0 jobs" in lines[0]
    assert any("no job has run" in line for line in lines)


def test_csv_has_a_line_for_each_job() -> None:
    lines = make_csv(make_mixed_journal().report()).splitlines()
    assert lines[0] == ",".join(column.name for column in COLUMNS)
    assert len(lines) == 5
    # Spreadsheets would reckon it.
    assert ",'=1+1," in lines[1]
    assert ",m5.large spot,eu-west-1a," in lines[1]
    assert ",Fargate," in lines[3]


def test_numbers_in_words() -> None:
    times = [0.04, 9.96, 99, 100, 3600, 7500, 200_000]
    assert [format_seconds(each) for each in times] == [
        *("0.0 s", "10 s", "99 s", "1 min 40 s", "1 h 00 min", "2 h 05 min", "2 d 07 h"),
    ]
    assert format_seconds(None) == "–"
    assert [format_memory(each) for each in (0.4, 1023, 1536)] == ["0 MiB", "1,023 MiB", "1.5 GiB"]
    assert [format_money(each) for each in (0, 0.00001, 0.05, 0.999, 1234.5)] == [
        *("$0", "$0.00001", "$0.050", "$1.00", "$1,234.50"),
    ]
    assert [format_hours(each, "vCPU") for each in (0.01, 0.5, 12.34, 1234)] == [
        *("36 vCPU-s", "0.50 vCPU-h", "12.3 vCPU-h", "1,234 vCPU-h"),
    ]
    assert format_share(0.126) == "13 %"
    assert [format_seconds_shortly(each) for each in (9, 110, 119.7, 7200)] == [
        *("9.0 s", "110 s", "2.0 min", "2.0 h"),
    ]
    assert format_memory_of(2048, 4096) == "2.0 of 4.0 GiB"
    assert format_memory_of(12, 4096) == "12 MiB of 4.0 GiB"
    assert format_memory_of(12, None) == "12 MiB"
    assert shorten("abcdefghij", 6) == "abc…ij"
