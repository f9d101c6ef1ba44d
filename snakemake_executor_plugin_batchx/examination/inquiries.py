"""Checks that are made at once, and waited for only so long."""

import concurrent.futures
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.checks.finding import ALL_CALLS, Finding, judge_trouble
from snakemake_executor_plugin_batchx.checks.table import ORDER

AT_ONCE = 16

LATE = "AWS did not answer in time"


@dataclass(frozen=True)
class Inquiry:
    """A check that is under way; `thing` is what it looks at."""

    check: str
    thing: str
    future: "Future[Iterable[Finding]]"


class Inquiries:
    """Makes checks in threads of its own, for which the end of the process does not wait.

    A check that breaks down is a warning like one that gets no answer; `note` gets the traceback.
    """

    def __init__(self, note: Callable[[str], object] = lambda _: None) -> None:
        self._note = note
        self._begun: list[Inquiry] = []
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def begin(self, check: str, thing: str, make: Callable[[], Iterable[Finding]]) -> None:
        """Begin a check of the table; `thing` is what it looks at."""
        future: Future[Iterable[Finding]] = Future()
        self._begun.append(Inquiry(check, thing, future))
        threading.Thread(
            target=self._fulfil, args=(future, make), name=f"batchx-check-{check}", daemon=True
        ).start()

    def _fulfil(
        self, future: "Future[Iterable[Finding]]", make: Callable[[], Iterable[Finding]]
    ) -> None:
        with self._free:
            try:
                future.set_result([*make()])
            except BaseException as error:  # noqa: BLE001 - told by whoever takes the result
                future.set_exception(error)

    def finish(self, seconds: float) -> list[Finding]:
        """Return what all checks found, in the order of the table.

        One that has not ended after so many seconds from now counts as a warning.
        """
        concurrent.futures.wait([each.future for each in self._begun], seconds)
        findings: list[Finding] = []
        for inquiry in self._begun:
            if not inquiry.future.done():
                findings.append(_judge_failure(inquiry, LATE))
            elif error := inquiry.future.exception():
                self._note("".join(traceback.format_exception(error)))
                findings.append(_judge_failure(inquiry, f"{type(error).__name__}: {error}"))
            else:
                findings += inquiry.future.result()
        return sort_findings(findings)


def _judge_failure(inquiry: Inquiry, said: str) -> Finding:
    return judge_trouble(inquiry.check, inquiry.thing, ALL_CALLS, "", said)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of the table of checks."""
    return sorted(findings, key=lambda each: ORDER[each.check])
