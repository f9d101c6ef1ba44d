"""The call budget, on a simulated clock."""

import pytest

from snakemake_executor_plugin_batchx.aws.budget import CallBudget


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("rate", "burst", "calls"), [(10, 5, 200), (20, 20, 1000), (1, 1, 10)])
def test_calls_never_exceed_burst_and_rate(rate: float, burst: int, calls: int) -> None:
    time = Time()
    budget = CallBudget(time.clock, time.sleep, rate, burst)
    for _ in range(calls):
        budget.spend("SubmitJob")
    assert time.now == pytest.approx((calls - burst) / rate)
    assert budget.get_counts() == {"SubmitJob": calls}


def test_rest_fills_the_bucket_no_higher_than_its_burst() -> None:
    time = Time()
    budget = CallBudget(time.clock, time.sleep, 10, 5)
    time.now = 1000.0
    for _ in range(6):
        budget.spend("DescribeJobs")
    assert time.now == pytest.approx(1000.1)
