"""The counts: every job once, in the status that Batch tells of it or of its array."""

from collections import Counter

import pytest
from head_world import DESCRIPTION
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.batch.watcher import make_child_id
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.status.counts import LATEST_FIRST, Counts, count_statuses


def make_job(batch_job_id: str, status: str = "") -> TrackedJob:
    return TrackedJob(batch_job_id, DESCRIPTION, batch_job_id, last_status=status)


def make_children(count: int, status: str = "") -> list[TrackedJob]:
    return [make_job(make_child_id("array", index), status) for index in range(count)]


def test_single_jobs_are_counted_as_they_are() -> None:
    jobs = [make_job("a", "RUNNING"), make_job("b", "RUNNABLE"), make_job("c"), make_job("d")]
    assert count_statuses(jobs, {}) == {"RUNNING": 1, "RUNNABLE": 1, "SUBMITTED": 2}


def test_children_that_are_looked_at_singly_are_too() -> None:
    assert count_statuses(make_children(3, "STARTING"), {}) == {"STARTING": 3}


def test_children_of_a_large_array_are_what_its_summary_says() -> None:
    summary = {"array": {"SUCCEEDED": 100, "RUNNING": 5, "STARTING": 2, "RUNNABLE": 900}}
    found = count_statuses(make_children(907), summary)
    assert +found == {"RUNNING": 5, "STARTING": 2, "RUNNABLE": 900}


def test_a_child_whose_end_was_seen_is_not_counted_as_waiting() -> None:
    jobs = [make_job("array:0", "SUCCEEDED"), make_job("array:1")]
    assert +count_statuses(jobs, {"array": {"RUNNING": 1}}) == {"SUCCEEDED": 1, "RUNNING": 1}


@given(
    st.integers(0, 50),
    st.dictionaries(st.sampled_from([*LATEST_FIRST, "FAILED"]), st.integers(0, 50)),
)
def test_no_child_is_lost_or_counted_twice(count: int, summary: dict[str, int]) -> None:
    """A summary tells of all children, also of those that another run watches."""
    found = count_statuses(make_children(count), {"array": summary})
    assert found.total() == count
    assert all(each >= 0 for each in found.values())


@pytest.mark.parametrize(
    ("counts", "waits_for", "line"),
    [
        (
            Counts(812, 2, 0, Counter(RUNNING=96, RUNNABLE=38, SUBMITTED=2)),
            "RUNNABLE 4 min: the queue is full",
            "812 done · 96 running · 2 failed · 40 waiting (RUNNABLE 4 min: the queue is full)",
        ),
        (Counts(0, 0, 12), "", "12 being prepared"),
        (
            Counts(1000, 0, 0, Counter(SUCCEEDED=3, FAILED=1, STARTING=1)),
            "nothing",
            "1,000 done · 4 being collected · 1 starting",
        ),
    ],
)
def test_line(counts: Counts, waits_for: str, line: str) -> None:
    assert counts.make_line(waits_for) == f"batchx: {line}"
