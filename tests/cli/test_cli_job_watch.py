"""A job that is looked at from time to time, on a simulated clock."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.cli.job_watch import (
    BLIND_SECONDS,
    LONGEST_LOOK_SECONDS,
    LOOK_SECONDS,
    JobWatch,
)
from snakemake_executor_plugin_batchx.errors import BatchxError

BUSY = AwsError("busy", "TooManyRequestsException", is_transient=True)
REFUSED = AwsError("no", "AccessDeniedException", is_transient=False)
UNKNOWN = BatchxError("AWS Batch knows no job j.")


def describe(status: str, reason: str = "") -> dict[str, Any]:
    return {"jobId": "j", "status": status, "statusReason": reason}


class Bench:
    """A watch whose looks find `answers`, the last one again and again."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.time = SimulatedTime()
        self.told: list[str] = []
        self.looked_at: list[float] = []
        self._answers: Iterator[Any] = itertools.chain(answers, itertools.repeat(answers[-1]))
        self.watch = JobWatch(
            describe("RUNNABLE"),
            self._describe,
            lambda state: self.told.append(f"{state.status} {state.status_reason}".strip()),
            self.time.clock,
        )

    def _describe(self) -> dict[str, Any]:
        self.looked_at.append(self.time.now)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def pass_seconds(self, seconds: float) -> None:
        ends = self.time.now + seconds
        while self.time.now < ends:
            self.time.sleep(1)
            self.watch.look_if_due()


def test_each_state_is_told_once() -> None:
    answers = [
        describe("RUNNABLE"),
        describe("RUNNABLE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"),
        describe("STARTING"),
        describe("RUNNING"),
        describe("RUNNING"),
        describe("SUCCEEDED"),
    ]
    bench = Bench(*answers)
    bench.pass_seconds(300)
    assert bench.told == [
        "RUNNABLE",
        "RUNNABLE MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "STARTING",
        "RUNNING",
        "SUCCEEDED",
    ]
    assert len(bench.looked_at) == len(answers)
    assert bench.watch.detail == describe("SUCCEEDED")


def test_looks_come_less_often_while_nothing_changes() -> None:
    bench = Bench(*[describe("RUNNABLE")] * 9, describe("RUNNING"))
    bench.pass_seconds(400)
    pauses = [b - a for a, b in itertools.pairwise([0.0, *bench.looked_at])]
    assert pauses[0] == LOOK_SECONDS
    assert pauses[5:9] == [LONGEST_LOOK_SECONDS] * 4
    assert pauses[10] == LOOK_SECONDS


@pytest.mark.parametrize("trouble", [BUSY, UNKNOWN])
def test_trouble_that_passes_is_sat_out(trouble: Exception) -> None:
    bench = Bench(*[trouble] * 5, describe("RUNNING"))
    bench.pass_seconds(100)
    assert bench.told == ["RUNNABLE", "RUNNING"]


@pytest.mark.parametrize("trouble", [BUSY, UNKNOWN])
def test_trouble_that_stays_is_told(trouble: Exception) -> None:
    bench = Bench(trouble)
    with pytest.raises(type(trouble), match=str(trouble)):
        bench.pass_seconds(600)
    assert BLIND_SECONDS < bench.time.now <= BLIND_SECONDS + LONGEST_LOOK_SECONDS


def test_a_refusal_is_told_at_once() -> None:
    bench = Bench(REFUSED)
    with pytest.raises(AwsError, match="no"):
        bench.pass_seconds(600)
    assert bench.looked_at == [LOOK_SECONDS]
