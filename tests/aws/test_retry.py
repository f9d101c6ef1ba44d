"""What is tried again, for how long and how often, on a simulated clock."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import botocore.exceptions
import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.errors import AwsError, UnansweredError
from snakemake_executor_plugin_batchx.aws.retry import (
    LONGEST_DELAY_SECONDS,
    STEP_SECONDS,
    WARN_SECONDS,
    Patience,
    Retrier,
)

FOREVER = Patience(seconds=None)
ONCE = Patience(seconds=None, is_repeatable=False)


def make_refusal(code: str, status: int, message: str = "no") -> Exception:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return botocore.exceptions.ClientError(answer, "SubmitJob")


THROTTLED = make_refusal("TooManyRequestsException", 429)
FAILED = make_refusal("ServerException", 500)
REFUSED = make_refusal("ClientException", 400, "JobQueue q is not valid")
UNREACHED = botocore.exceptions.EndpointConnectionError(endpoint_url="https://batch")
RESET = botocore.exceptions.ConnectionClosedError(endpoint_url="https://batch")
TIMED_OUT = botocore.exceptions.ReadTimeoutError(endpoint_url="https://batch")


class Bench:
    """A retrier on a simulated clock, and a function that fails as told before it answers."""

    def __init__(self, random: Callable[[], float] = lambda: 1.0) -> None:
        self.time = SimulatedTime()
        self.budget = CallBudget(self.time.clock, self.time.sleep)
        self.stops_at = float("inf")
        self.warnings: list[str] = []
        self.tried_at: list[float] = []
        self.retrier = Retrier(
            self.budget,
            self.time.clock,
            self.time.sleep,
            random,
            lambda: self.time.now >= self.stops_at,
            self.warnings.append,
        )

    def call(
        self, failures: Iterable[Exception], patience: Patience, purpose: Any = "submit"
    ) -> str:
        left = iter(failures)

        def answer() -> str:
            self.tried_at.append(self.time.now)
            for failure in left:
                raise failure
            return "done"

        return self.retrier.call("SubmitJob", purpose, answer, patience)


@pytest.mark.parametrize("failure", [THROTTLED, FAILED, UNREACHED, RESET, TIMED_OUT])
def test_trouble_that_passes_is_sat_out(failure: Exception) -> None:
    bench = Bench()
    assert bench.call([failure] * 200, FOREVER) == "done"
    assert bench.budget.get_counts() == {"SubmitJob": 201}


@pytest.mark.parametrize("failure", [THROTTLED, UNREACHED])
def test_what_aws_surely_did_not_take_is_sent_again(failure: Exception) -> None:
    assert Bench().call([failure] * 20, ONCE) == "done"


@pytest.mark.parametrize("failure", [FAILED, RESET, TIMED_OUT])
def test_what_aws_may_have_taken_is_not(failure: Exception) -> None:
    bench = Bench()
    with pytest.raises(UnansweredError, match="batch:SubmitJob"):
        bench.call([THROTTLED, failure], ONCE)
    assert len(bench.tried_at) == 2


@pytest.mark.parametrize("call", ["TerminateJob", "CancelJob"])
def test_a_missing_permission_is_told_by_the_name_that_iam_has_for_it(call: str) -> None:
    def refuse() -> None:
        raise make_refusal("AccessDeniedException", 403)

    with pytest.raises(AwsError, match=f"lack batch:{call} "):
        Bench().retrier.call(f"{call}s", "cancel", refuse, FOREVER)


def test_a_permission_is_named_by_its_service() -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep)
    retrier = Retrier(*(budget, time.clock, time.sleep, lambda: 1.0, lambda: False), service="logs")

    def refuse() -> None:
        raise make_refusal("AccessDeniedException", 403)

    with pytest.raises(AwsError, match="lack logs:GetLogEvents "):
        retrier.call("GetLogEvents", "watch", refuse, FOREVER)


def test_a_refusal_is_told_at_once_in_the_words_of_aws() -> None:
    bench = Bench()
    with pytest.raises(AwsError, match="JobQueue q is not valid") as caught:
        bench.call([REFUSED], FOREVER)
    assert not isinstance(caught.value, UnansweredError)
    assert bench.tried_at == [0]


def test_delays_double_up_to_the_longest() -> None:
    bench = Bench()
    bench.call([FAILED] * 8, FOREVER)
    delays = [round(b - a, 3) for a, b in itertools.pairwise(bench.tried_at)]
    assert delays == [0.5, 1, 2, 4, 8, 16, LONGEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS]


def test_delays_are_a_random_part() -> None:
    parts = itertools.cycle([0.5, 0.25])
    bench = Bench(lambda: next(parts))
    bench.call([FAILED] * 4, FOREVER)
    delays = [b - a for a, b in itertools.pairwise(bench.tried_at)]
    assert delays == pytest.approx([0.25, 0.25, 1, 1])


@pytest.mark.parametrize("seconds", [5, 60])
def test_patience_ends(seconds: float) -> None:
    bench = Bench()
    with pytest.raises(AwsError, match="Could not connect"):
        bench.call([UNREACHED] * 1000, Patience(seconds))
    assert len(bench.tried_at) > 2
    assert seconds - LONGEST_DELAY_SECONDS <= bench.time.now <= seconds


def test_nothing_is_tried_again_once_the_run_has_ended() -> None:
    bench = Bench()
    bench.stops_at = 100.2
    with pytest.raises(AwsError):
        bench.call([THROTTLED] * 1000, FOREVER)
    assert bench.tried_at[-1] < bench.stops_at
    assert bench.time.now <= bench.stops_at + STEP_SECONDS


def test_but_jobs_are_still_ended() -> None:
    bench = Bench()
    bench.stops_at = 0
    assert bench.call([THROTTLED, RESET, FAILED], Patience(60), "cancel") == "done"


def test_a_first_try_is_made_in_any_case() -> None:
    bench = Bench()
    bench.stops_at = 0
    assert bench.call([], FOREVER) == "done"


def test_the_user_is_told_once_of_a_long_wait() -> None:
    bench = Bench()
    bench.call([UNREACHED] * 5, FOREVER)
    assert bench.time.now < WARN_SECONDS
    assert bench.warnings == []
    bench.call([UNREACHED] * 50, FOREVER)
    (warning,) = bench.warnings
    assert "Could not connect" in warning


def test_throttling_slows_the_calls_of_all_down() -> None:
    bench = Bench()
    bench.call([THROTTLED] * 5, FOREVER)

    def take_calls(count: int) -> float:
        started = bench.time.now
        for _ in range(count):
            bench.budget.spend("watch", "DescribeJobs")
        return bench.time.now - started

    take_calls(10)
    slow = take_calls(40)
    for _ in range(100):
        bench.call([], FOREVER)
    take_calls(10)
    assert take_calls(40) < slow / 4
