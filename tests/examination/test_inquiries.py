"""Checks made at once, in the order of their table, and not waited for for ever."""

import threading
from collections.abc import Iterator

from snakemake_executor_plugin_batchx.checks.finding import Finding, make_ok
from snakemake_executor_plugin_batchx.checks.table import CLOCK, IMAGE, JOB_ROLE, LOG_GROUP, QUEUE
from snakemake_executor_plugin_batchx.examination.inquiries import AT_ONCE, Inquiries

LONG_SECONDS = 30.0


def test_findings_come_in_the_order_of_the_table() -> None:
    inquiries = Inquiries()
    for check in (IMAGE, LOG_GROUP, QUEUE):
        inquiries.begin(check, "x", lambda c=check: [make_ok(c, "1"), make_ok(c, "2")])
    found = [(each.check, each.text) for each in inquiries.finish(LONG_SECONDS)]
    assert found == [(c, n) for c in (QUEUE, LOG_GROUP, IMAGE) for n in "12"]


def test_checks_are_made_at_once_but_not_too_many() -> None:
    gate = threading.Barrier(AT_ONCE)
    inquiries = Inquiries()

    def meet() -> list[Finding]:
        gate.wait(LONG_SECONDS)
        return []

    for _ in range(2 * AT_ONCE):
        inquiries.begin(QUEUE, "x", meet)
    assert inquiries.finish(LONG_SECONDS) == []


def test_what_takes_too_long_is_a_warning() -> None:
    released = threading.Event()
    inquiries = Inquiries()
    inquiries.begin(JOB_ROLE, "Role r", lambda: [make_ok(JOB_ROLE, str(released.wait()))])
    inquiries.begin(CLOCK, "Clock", lambda: [make_ok(CLOCK, "fine")])
    fine, late = inquiries.finish(0.2)
    released.set()
    assert fine.status == "ok"
    assert late.status == "warning"
    assert late.text == "Role r could not be looked at: AWS did not answer in time"


def fail_to_make_a_client() -> Iterator[Finding]:
    raise ValueError("Invalid endpoint: nowhere")
    yield make_ok(QUEUE, "never")


def test_a_check_that_breaks_down_is_a_warning_and_stops_nothing() -> None:
    notes: list[str] = []
    inquiries = Inquiries(notes.append)
    inquiries.begin(JOB_ROLE, "Role r", lambda: [make_ok(JOB_ROLE, str({}["Arn"]))])
    inquiries.begin(QUEUE, "Queue q", fail_to_make_a_client)
    inquiries.begin(CLOCK, "Clock", lambda: [make_ok(CLOCK, "fine")])
    fine, queue, role = inquiries.finish(LONG_SECONDS)
    assert [fine.status, queue.status, role.status] == ["ok", "warning", "warning"]
    assert role.text == "Role r could not be looked at: KeyError: 'Arn'"
    assert queue.text == "Queue q could not be looked at: ValueError: Invalid endpoint: nowhere"
    assert role.lacks
    assert [note.startswith("Traceback") for note in notes] == [True, True]
