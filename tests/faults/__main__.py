"""``python -m faults`` (make test-faults): heads killed and interrupted among faults of all kinds.

Prints the seed that all is drawn from, a line a trial, and writes benchmarks/results/faults.json.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults.fault_head import restore_interrupts
from faults.fault_world import Hardship
from faults.trial import TrialReport, run_trial
from faults.trial_plan import Kind, TrialPlan, plan_trial, plan_trials

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "faults.json"


def describe_plan(plan: TrialPlan) -> str:
    """Return what happens in a trial, in a few words."""
    moments = ", ".join(f"{moment:.0%}" for moment in plan.moments)
    words = [plan.kind.value, f"seed {plan.seed}"]
    if plan.moments:
        words.append(f"{plan.ending.name} at {moments}")
    if plan.second_seconds is not None:
        words.append(f"again after {plan.second_seconds:.1f} s")
    if plan.moments and plan.is_finished:
        words.append("then to the end")
    return ", ".join(words)


def print_report(report: TrialReport) -> None:
    """Print a line of a trial, and all that is wrong with it."""
    word = "ok  " if report.findings.is_clean else "FAIL"
    told = f" (ended within {report.exit_seconds:.1f} s)" if report.exit_seconds else ""
    print(f"{word} {report.seconds:5.1f} s  {describe_plan(report.plan)}{told}", flush=True)
    for sentence in report.findings.list_sentences():
        print(f"       {sentence}")
    if not report.findings.is_clean:
        print(f"       kept: {report.folder}: head.log, faults.jsonl, work/.snakemake/batchx")


def run_trials(
    plans: Iterable[TrialPlan], folder: Path, expected_seconds: float, together: int
) -> Iterator[TrialReport]:
    """Run trials, some at a time; yields their reports in order."""
    with ThreadPoolExecutor(together) as pool:
        running = [
            pool.submit(
                run_trial, plan, folder / f"{plan.kind}-{plan.seed}", Hardship(), expected_seconds
            )
            for plan in plans
        ]
        for each in running:
            yield each.result()


def summarize(reports: list[TrialReport]) -> dict[str, int]:
    """Return what the results file holds: trials, and how many jobs each thing happened to."""
    found = [report.findings for report in reports]
    return {
        "trials": len(reports),
        "lost": sum(len(each.lost) for each in found),
        "duplicated": sum(len(each.duplicated) for each in found),
        "orphans": sum(len(each.orphans) for each in found),
    }


def main(arguments: list[str]) -> int:
    """Run all trials; returns 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="make test-faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--trials", type=int, default=50, help="of each kind (default: 50)")
    parser.add_argument("--together", type=int, default=2, help="at a time (default: 2)")
    parser.add_argument("--only", nargs="+", type=str, default=[], metavar="KIND:SEED")
    options = parser.parse_args(arguments)
    restore_interrupts()
    folder = Path(tempfile.mkdtemp(prefix="batchx-faults-"))
    print(f"seed {options.seed}; files of trials that fail are kept in {folder}", flush=True)
    # As many at a time as later on, so that they take as long.
    first = [plan_trial(options.seed + each, Kind.UNDISTURBED) for each in range(options.together)]
    reports = list(run_trials(first, folder, 0.0, options.together))
    for report in reports:
        print_report(report)
    expected_seconds = statistics.mean(report.whole_seconds for report in reports)
    plans = plan_trials(options.seed, options.trials, options.trials)
    if options.only:
        pairs = (each.split(":") for each in options.only)
        plans = [plan_trial(int(seed), Kind(kind)) for kind, seed in pairs]
    for report in run_trials(plans, folder, expected_seconds, options.together):
        print_report(report)
        reports.append(report)
    summary = summarize(reports)
    attempts = sum(report.attempts for report in reports)
    interrupted = sum(report.interrupted for report in reports)
    print(f"{summary}, interrupted: {interrupted} of {attempts} attempts")
    if not options.only:
        RESULTS.write_text(json.dumps(summary) + "\n")
    return 0 if all(report.findings.is_clean for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
