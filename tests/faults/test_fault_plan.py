"""Faults come as often as their rates say, and what is hidden appears."""

from collections import Counter
from random import Random

import pytest

from faults.fault_plan import Fault, FaultRates, Visibility, plan_call
from faults.trial_plan import Kind, plan_trial, plan_trials

CALLS = 20_000


SHARES = {
    Fault.THROTTLED: 0.30,
    Fault.FAILED_BEFORE: 0.025,
    Fault.FAILED_AFTER: 0.025,
    Fault.ANSWER_LOST: 0.10,
}


def count_faults(operation: str) -> Counter[Fault]:
    random = Random(1)
    return Counter(plan_call(random, FaultRates(), operation).fault for _ in range(CALLS))


def test_rates() -> None:
    counts = count_faults("submitjob")
    for fault, share in SHARES.items():
        assert counts[fault] / CALLS == pytest.approx(share, rel=0.1)
    assert Fault.ANSWER_LOST not in count_faults("describejobs")
    random = Random(1)
    waits = [plan_call(random, FaultRates(), "describejobs").seconds_before for _ in range(CALLS)]
    assert 0.04 < sum(wait > 0 for wait in waits) / CALLS < 0.06
    assert max(waits) <= FaultRates().slow_seconds


def test_hidden_jobs_appear() -> None:
    now = 0.0
    rates = FaultRates(hidden=1.0, vanishing=0.0, hidden_seconds=3.0)
    visibility = Visibility(Random(1), rates, lambda: now)
    visibility.note_submitted("a")
    assert not visibility.is_shown("describejobs", "a")
    assert not visibility.is_shown("listjobs", "a:7")
    assert visibility.is_shown("describejobs", "b")
    now = 3.0
    assert visibility.is_shown("describejobs", "a")
    assert visibility.is_shown("listjobs", "a:7")


def test_jobs_vanish_for_a_while() -> None:
    now = 0.0
    visibility = Visibility(Random(1), FaultRates(vanishing=1.0), lambda: now)
    assert visibility.is_shown("describejobs", "a")
    assert not visibility.is_shown("describejobs", "a")
    now = FaultRates().hidden_seconds
    assert visibility.is_shown("describejobs", "a")


def test_trials_are_drawn_from_their_seed() -> None:
    plans = plan_trials(7, 5)
    assert plans == plan_trials(7, 5)
    assert set(plan_trials(7, 2)) < set(plans)
    assert len({plan.seed for plan in plans}) == 10
    assert plans[0] == plan_trial(plans[0].seed, Kind.KILL)
    assert plan_trials(8, 5) != plans
