"""How often AWS Batch is called: by batchx, and by others' rules.

Jobs of 600 s, all of which could share an array: one, a hundred, ten thousand at once, ten
thousand at Snakemake's default pace of 100 a second; and five thousand of varied length under
`-j 500`, a successor handed over as soon as one is seen to have ended. Our head is the real one
where it decides about calls (calls_bench/ours.py), on a simulated clock and the embedded Batch's
state machine in memory. Others are counted by their rules, with their sources
(calls_bench/peers.py).

All Batch calls from the hand-over on count; `seconds` is when the head had seen the last job end. A
run of ours makes two more when it opens, whatever its size: the queue and its compute environments.
At the end come real Snakemake runs of a smaller size, with all of their calls, on the embedded
Batch in a process of its own: as many jobs at once as this machine has CPUs, and looked at more
often than on AWS (batch/pace.py).

Prints a table and writes results/calls.json.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from calls_bench.cases import CASES, Bill
from calls_bench.ours import OurHead
from calls_bench.peers import PEERS
from calls_bench.real import count_real

RESULTS = Path(__file__).parent / "results" / "calls.json"
GOALS = {"1": 65, "100": 70, "10000": 80, "10000_paced": 400, "trickle_calls_per_job": 0.2}
REAL_JOBS = (20, 100)
KINDS = {
    "definitions": "JobDefinition",
    "submit": "SubmitJob",
    "describe": "DescribeJobs",
    "list": "ListJobs",
    "end": "TerminateJob",
    "queue": ("DescribeJobQueues", "DescribeComputeEnvironments"),
}


def sum_kind(calls: Counter[str], names: str | tuple[str, ...]) -> int:
    """Return the calls whose names hold one of these."""
    wanted = (names,) if isinstance(names, str) else names
    return sum(count for name, count in calls.items() if any(each in name for each in wanted))


def format_line(case: str, who: str, bill: Bill) -> str:
    """Return a line of the table."""
    counts = " ".join(f"{sum_kind(bill.calls, names):>11,}" for names in KINDS.values())
    return f"{case:<14} {who:<16} {bill.seconds:>8,.0f} {sum(bill.calls.values()):>9,} {counts}"


def count_simulated() -> dict[str, float]:
    """Print the calls of all heads on the simulated clock; return the figures of ours."""
    figures: dict[str, float] = {}
    for name, case in CASES.items():
        bill = OurHead(case).run()
        print(format_line(name, "batchx (+2)", bill), flush=True)
        total = sum(bill.calls.values())
        key = f"{name}_calls_per_job" if case.is_varied else name
        figures[key] = round(total / case.jobs, 3) if case.is_varied else total
        for who, count in PEERS.items():
            print(format_line(name, who, count(case)), flush=True)
    return figures


def main() -> None:
    """Count, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-runs", action="store_true", help="leave the real runs out")
    args = parser.parse_args()
    header = " ".join(f"{kind:>11}" for kind in KINDS)
    print(f"{'case':<14} {'who':<16} {'seconds':>8} {'all calls':>9} {header}")
    figures = count_simulated()
    for jobs in () if args.no_runs else REAL_JOBS:
        print(format_line(f"{jobs} in truth", "batchx", count_real(jobs)), flush=True)
    for key, figure in figures.items():
        print(f"{key}: {figure:g} (goal: at most {GOALS[key]:g})")
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
