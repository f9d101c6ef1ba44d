"""The call budget, on a simulated clock."""

import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.budget import (
    BURST_SECONDS,
    CALLS_PER_SECOND,
    INCREASE,
    LOWEST,
    SETTLE_SECONDS,
    CallBudget,
    Purpose,
)

AWS_CALLS_PER_SECOND = 50
PURPOSES: tuple[Purpose, ...] = ("submit", "watch", "cancel")


def measure_seconds(
    time: SimulatedTime, budget: CallBudget, calls: int, purpose: Purpose = "watch"
) -> float:
    started = time.now
    for _ in range(calls):
        budget.spend(purpose, "DescribeJobs")
    return time.now - started


@pytest.mark.parametrize(("rate", "calls"), [(10, 200), (20, 1000), (1, 10)])
def test_calls_never_exceed_burst_and_rate(rate: float, calls: int) -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep, {"watch": rate})
    burst = max(1, rate * BURST_SECONDS)
    assert measure_seconds(time, budget, calls) == pytest.approx((calls - burst) / rate)
    assert budget.get_counts() == {"DescribeJobs": calls}


def test_rest_fills_the_bucket_no_higher_than_its_burst() -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep, {"watch": 10})
    time.now = 1000.0
    assert measure_seconds(time, budget, 6) == pytest.approx(0.1)


def test_all_purposes_at_once_stay_below_what_aws_allows() -> None:
    assert sum(CALLS_PER_SECOND.values()) * (1 + BURST_SECONDS) <= AWS_CALLS_PER_SECOND


def test_no_purpose_waits_behind_another() -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep)
    assert measure_seconds(time, budget, 1000, "submit") > 60
    assert measure_seconds(time, budget, 1, "watch") == 0
    assert measure_seconds(time, budget, 1, "cancel") == 0


def test_throttling_halves_every_rate_down_to_a_floor() -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep)
    parts = []
    for _ in range(5):
        for purpose in PURPOSES:
            measure_seconds(time, budget, 10, purpose)
        taken = [measure_seconds(time, budget, 100, p) for p in PURPOSES]
        full = [100 / CALLS_PER_SECOND[p] for p in PURPOSES]
        parts.append([a / b for a, b in zip(full, taken, strict=True)])
        time.now += SETTLE_SECONDS
        budget.note_throttled()
    # Each measurement starts with what the ones before it let its share save up.
    for found, expected in zip(parts, [1, 1 / 2, 1 / 4, LOWEST, LOWEST], strict=True):
        assert found == pytest.approx([expected] * 3, rel=0.1)


def test_many_throttled_answers_to_one_burst_count_once() -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep, {"watch": 8})
    for _ in range(20):
        budget.note_throttled()
    measure_seconds(time, budget, 10)
    assert measure_seconds(time, budget, 40) == pytest.approx(10)


def test_calls_that_aws_takes_bring_the_rate_back_slowly() -> None:
    time = SimulatedTime()
    budget = CallBudget(time.clock, time.sleep, {"watch": 8})
    budget.note_throttled()
    measure_seconds(time, budget, 10)
    budget.note_success()
    assert measure_seconds(time, budget, 40) == pytest.approx(40 / (8 * (1 / 2 + INCREASE)))
    for _ in range(1000):
        budget.note_success()
    assert measure_seconds(time, budget, 40) == pytest.approx(40 / 8)
