"""The bounded form of `make test-faults`: the head is killed and interrupted among faults."""

from pathlib import Path

import pytest

from faults.fault_world import Hardship
from faults.trial import run_trial
from faults.trial_plan import Kind, TrialPlan, plan_trial, plan_trials

SEED = 5
WHOLE_SECONDS = 16.0
"""Of an undisturbed run, about; only where the head is hit depends on it."""

PLANS = [
    plan_trial(1, Kind.UNDISTURBED),
    *plan_trials(SEED, 3),
]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_nothing_is_lost_duplicated_or_left(plan: TrialPlan, tmp_path: Path) -> None:
    report = run_trial(plan, tmp_path / "trial", Hardship(), WHOLE_SECONDS)
    sentences = "\n".join(report.findings.list_sentences())
    assert report.findings.is_clean, f"{sentences}\nkept: {report.folder}"
