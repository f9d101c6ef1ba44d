"""What a journal tells of a run's jobs, whatever became of the run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journal_breaches import find_breaches
from run_kit import BEGUN, HOST, USAGE, MadeJournal

from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.report.reading import (
    add_usage,
    list_missing_results,
    read_events,
    read_run,
)
from snakemake_executor_plugin_batchx.report.rows import (
    ENDED,
    GOING_ON,
    KILLED,
    STOPPED,
    JobRow,
    Machine,
)
from snakemake_executor_plugin_batchx.report.table import make_lines

SUMMARY = {"jobs": 1, "definitions": 1, "api_calls": 3, "seconds": 9.0}


def read_job(journal: MadeJournal) -> JobRow:
    (job,) = read_events("r1", journal.events).jobs
    return job


def test_made_events_are_as_journals_have_them() -> None:
    journal = MadeJournal()
    journal.submit()
    journal.tell_host()
    journal.end_job()
    told = [breach for event in journal.events[2:] for breach in find_breaches(event)]
    assert told == []


def test_a_job_that_ended_well() -> None:
    journal = MadeJournal()
    journal.submit(overhead_mib=256)
    journal.tell_host()
    journal.end_job()
    job = read_job(journal)
    assert (job.rule, job.label, job.kind, job.exit_code) == ("one", "Rule one", "success", None)
    assert (job.wait_seconds, job.wall_seconds) == (15.0, 100.0)
    assert job.machine == Machine("m5.large", "eu-west-1a", "on-demand")
    assert job.demand is not None
    assert (job.demand.memory_mib, job.demand.overhead_mib) == (2048, 256)
    assert job.usage is not None
    assert job.usage.tool_seconds == 85.0


def test_attempts_of_batch_are_told_apart() -> None:
    journal = MadeJournal()
    journal.submit()
    journal.end_job(starts=((20, 50), (60, 120)))
    job = read_job(journal)
    assert [start.seconds for start in job.starts] == [30.0, 60.0]
    assert job.wait_seconds == 15.0


def test_a_job_that_went_to_its_other_queue_has_both_batch_jobs() -> None:
    journal = MadeJournal()
    journal.submit(environments=("SPOT",))
    journal.end_job(kind="infrastructure", starts=((20, 50),), is_judged=False)
    journal.submit(environments=("EC2",))
    journal.end_job(starts=((60, 120),))
    job = read_job(journal)
    assert [each.environments for each in job.batch_jobs] == [("SPOT",), ("EC2",)]
    assert [start.seconds for start in job.starts] == [30.0, 60.0]
    assert job.kind == "success"


def test_a_listed_child_has_its_own_times_until_batch_tells_of_its_attempts() -> None:
    journal = MadeJournal()
    journal.submit()
    journal.end_job(starts=())
    assert [start.seconds for start in read_job(journal).starts] == [100.0]
    assert read_job(journal).machine is None
    starts = [{"started": BEGUN + 20, "stopped": BEGUN + 60, "host": HOST}]
    journal.add("told", 200, batch_job_id="job-000001", starts=starts)
    journal.tell_host()
    assert [start.seconds for start in read_job(journal).starts] == [40.0]
    assert read_job(journal).machine is not None


@pytest.mark.parametrize(
    ("ends", "is_alive", "ending"),
    [
        ([], True, GOING_ON),
        ([], False, KILLED),
        ([("end", SUMMARY)], False, ENDED),
        ([("end", SUMMARY)], True, ENDED),  # the report is made while its head has the journal
        ([("stopped", SUMMARY)], False, STOPPED),
        ([("stopped", SUMMARY), ("end", {"taken_up_by": "r2"})], False, STOPPED),
        ([("end", {"taken_up_by": "r2"})], False, KILLED),
    ],
)
def test_how_a_run_ended(
    ends: list[tuple[str, dict[str, Any]]], is_alive: bool, ending: str
) -> None:
    journal = MadeJournal()
    journal.submit()
    for event, fields in ends:
        journal.add(event, 300, **fields)
    run = read_events("r1", journal.events, is_alive=is_alive)
    assert run.ending == ending
    # What a later run notes is no part of this one's time.
    assert run.ended == BEGUN + (300 if any("jobs" in fields for _, fields in ends) else 0)


def test_jobs_of_groups_taken_up_never_submitted_and_unfinished() -> None:
    journal = MadeJournal()
    journal.submit("000001", rules=("one", "two"))
    journal.submit("000002", event="adopted")
    journal.judge("000003", "batchx", sentence="its input is missing")
    run = read_events("r1", journal.events)
    assert [job.rule for job in run.jobs] == ["one + two", "one", "(not submitted)"]
    assert [job.is_adopted for job in run.jobs] == [False, True, False]
    assert [job.has_failed for job in run.jobs] == [False, False, True]
    assert run.jobs[0].wait_seconds is None


def test_torn_lines_and_other_versions_are_passed_over(tmp_path: Path) -> None:
    journal = MadeJournal()
    journal.submit()
    lines = [json.dumps(event) for event in journal.events]
    path = tmp_path / "r1.jsonl"
    path.write_text("\n".join([*lines, '{"v": 1, "event": "run"}', "[]", '{"v": 2, "t": 3, "ev']))
    run = read_run(path)
    assert (len(run.jobs), run.torn_lines, run.ending) == (1, 1, KILLED)
    assert run.foreign_lines == 2
    assert any("2 lines of the journal were written by" in e for e in make_lines(journal.tell(run)))
    with Journal(path, lambda: 0.0):
        run = read_run(path)
    # What a living head is just writing is not torn.
    assert (run.ending, run.torn_lines) == (GOING_ON, 0)


def test_events_that_lack_something_are_passed_over() -> None:
    journal = MadeJournal()
    del journal.events[0]["queue"]
    journal.submit()
    journal.end_job()
    for broken in ({"event": "state"}, {"event": "host", "host": 1}, {"event": []}):
        journal.events.append({"v": 2, "t": BEGUN + 200, **broken})
    journal.events.append({"v": 2, "event": "stopped"})
    run = read_events("r1", journal.events)
    assert (len(run.jobs), run.torn_lines) == (1, 5)
    assert run.ended - run.begun < 300  # the first of them begins the run


def test_usage_comes_from_results_where_the_journal_has_none() -> None:
    journal = MadeJournal()
    for submission in ("000001", "000002", "000003"):
        journal.submit(submission)
    journal.end_job("000001", usage=None)
    journal.end_job("000002")
    run = read_events("r1", journal.events)
    assert list_missing_results(run) == ["root/000001/result"]
    more = {**USAGE, "cpu_seconds": 7.0, "of_a_later_batchx": 1}
    run = add_usage(run, {"root/000001/result": more})
    assert [job.usage and job.usage.cpu_seconds for job in run.jobs] == [7.0, 50.0, None]
    assert list_missing_results(run) == []


def test_a_usage_of_another_form_is_none() -> None:
    journal = MadeJournal()
    journal.submit()
    journal.end_job(usage={"wall": 1})
    assert read_job(journal).usage is None
    assert replace(read_job(journal), usage=None).wall_seconds == 100.0
