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
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from faults.fault_head import restore_interrupts
from faults.fault_plan import FaultRates
from faults.fault_world import Hardship
from faults.trial import TrialReport, run_trial
from faults.trial_plan import Kind, TrialPlan, plan_trial, plan_trials

TRIES = 3

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "faults.json"


def print_report(report: TrialReport) -> None:
    """Print a line of a trial, and all that is wrong with it."""
    word = "ok  " if report.findings.is_clean else "FAIL"
    told = f" (ended within {report.exit_seconds:.1f} s)" if report.exit_seconds else ""
    print(f"{word} {report.seconds:5.1f} s  {report.plan}{told}", flush=True)
    for sentence in report.findings.list_sentences():
        print(f"       {sentence}")
    if not report.findings.is_clean:
        print(f"       kept: {report.folder}: head.log, faults.jsonl, work/.snakemake/batchx")


@dataclass
class Trials:
    """How trials are run: in which folder, against what, and how many at a time.

    ``expected_seconds`` is the duration of an undisturbed run.
    """

    folder: Path
    hardship: Hardship
    together: int
    expected_seconds: float = 0.0

    def run(self, plans: Iterable[TrialPlan]) -> list[TrialReport]:
        """Run trials, and print how each went, in their order."""
        with ThreadPoolExecutor(self.together) as pool:
            running = [pool.submit(self._run_one, plan) for plan in plans]
            reports = []
            try:
                for each in running:
                    reports.append(each.result())
                    print_report(reports[-1])
            finally:
                pool.shutdown(cancel_futures=True)
        return reports

    def _run_one(self, plan: TrialPlan) -> TrialReport:
        """Run a trial; where its head was quicker than expected, and not hit, once more."""
        folder = self.folder / f"{plan.kind}-{plan.seed}"
        for _ in range(TRIES):
            report = run_trial(plan, folder, self.hardship, self.expected_seconds)
            if report.early_seconds is None or not report.findings.is_clean:
                break
            self.expected_seconds = min(self.expected_seconds, report.early_seconds)
        return report


def summarize(reports: list[TrialReport]) -> dict[str, int]:
    """Return what the results file holds: trials, and how many jobs each thing happened to."""
    found = [report.findings for report in reports]
    return {
        "trials": len(reports),
        "lost": sum(len(each.lost) for each in found),
        "duplicated": sum(len(each.duplicated) for each in found),
        "orphans": sum(len(each.orphans) for each in found),
    }


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--trials", type=int, default=50, help="of each kind (default: 50)")
    parser.add_argument("--together", type=int, default=2, help="at a time (default: 2)")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="KIND:SEED", help="these trials, such as kill:17"
    )
    parser.add_argument(
        "--rates",
        type=json.loads,
        default={},
        metavar="JSON",
        help="other faults, by the fields of FaultRates; the results file is left alone then",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run all trials; returns 1 if one of them failed."""
    options = parse_arguments(arguments)
    restore_interrupts()
    folder = Path(tempfile.mkdtemp(prefix="batchx-faults-"))
    print(f"seed {options.seed}; files of trials that fail are kept in {folder}", flush=True)
    trials = Trials(folder, Hardship(FaultRates(**options.rates)), options.together)
    # As many at a time as later on, so that they take as long.
    first = [plan_trial(options.seed + each, Kind.UNDISTURBED) for each in range(options.together)]
    reports = trials.run(first)
    trials.expected_seconds = statistics.mean(report.whole_seconds for report in reports)
    plans = plan_trials(options.seed, options.trials)
    if options.only:
        pairs = (each.split(":") for each in options.only)
        plans = [plan_trial(int(seed), Kind(kind)) for kind, seed in pairs]
    reports += trials.run(plans)
    summary = summarize(reports)
    attempts = sum(report.attempts for report in reports)
    interrupted = sum(report.interrupted for report in reports)
    print(f"{summary}, interrupted: {interrupted} of {attempts} attempts")
    if not (options.only or options.rates):
        RESULTS.write_text(json.dumps(summary) + "\n")
    return 0 if all(report.findings.is_clean for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
