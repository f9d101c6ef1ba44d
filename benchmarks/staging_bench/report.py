"""Tables and ratios of what was timed, and the goals."""

import operator
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from staging_bench.file_sets import MIB
from staging_bench.trial import DIRECTIONS, Timed, Transfer
from staging_bench.ways import OURS, OURS_IN_JOB, OURS_WHOLE, PLUGIN, S5CMD

Found = dict[Transfer, list[Timed]]

GOALS: dict[str, tuple[Callable[[float, float], bool], str, float]] = {
    "vs_s5cmd_small": (operator.ge, "at least", 0.9),
    "vs_s5cmd_large": (operator.ge, "at least", 0.9),
    "vs_s3_plugin_small": (operator.ge, "at least", 10),
    "peak_rss_mib": (operator.le, "at most", 256),
}


def show_header(title: str) -> None:
    """Print a table's head."""
    names = f"{'seconds':>9}{'MiB/s':>8}{'ms/file':>9}{'process s':>11}{'CPU s':>8}{'RSS MiB':>9}"
    print(f"\n{title}\n{'':58}{names}", flush=True)


def show_row(transfer: Transfer, timed: list[Timed]) -> None:
    """Print the medians of a transfer."""
    figures = find_middle(transfer, timed)
    print(
        f"{transfer.way.name:18}{transfer.scenario:40}"
        f"{figures['seconds']:9.2f}{figures['mib_per_second']:8.0f}"
        f"{figures['ms_per_file']:9.2f}{figures['process_seconds']:11.2f}"
        f"{figures['cpu_seconds']:8.2f}{figures['peak_rss_mib']:9.0f}",
        flush=True,
    )


def show_medians(found: Found) -> None:
    """Print the medians of all transfers."""
    show_header("Medians")
    for transfer, timed in found.items():
        show_row(transfer, timed)


def find_middle(transfer: Transfer, timed: list[Timed]) -> dict[str, float]:
    """Return the medians of a transfer, of memory the peak."""
    seconds = statistics.median(each.seconds for each in timed)
    return {
        "seconds": round(seconds, 3),
        "mib_per_second": round(transfer.files.total_bytes / MIB / seconds, 1),
        "ms_per_file": round(1000 * seconds / transfer.files.count, 3),
        "process_seconds": round(statistics.median(e.process.wall_seconds for e in timed), 3),
        "cpu_seconds": round(statistics.median(e.process.cpu_seconds for e in timed), 3),
        "peak_rss_mib": round(max(each.process.peak_rss_mib for each in timed), 1),
    }


def find_pace(found: Found, way: str, kind: str, direction: str, *, is_late: bool) -> float:
    """Return how many bytes a second a way moved; `kind` is the name of a file set."""
    for transfer, timed in found.items():
        key = (transfer.way.name, transfer.files.name, transfer.direction, transfer.is_late)
        if key == (way, kind, direction, is_late):
            return transfer.files.total_bytes / statistics.median(e.seconds for e in timed)
    raise KeyError(way, kind, direction)


def compare(found: Found, ours: str) -> dict[str, float]:
    """Return how many times faster than the peers one of our ways is, the worse of down and up."""

    def find_ratio(peer: str, kind: str, peer_kind: str, *, is_late: bool) -> float:
        return min(
            find_pace(found, ours, kind, direction, is_late=is_late)
            / find_pace(found, peer, peer_kind, direction, is_late=is_late)
            for direction in DIRECTIONS
        )

    return {
        "vs_s5cmd_small": round(find_ratio(S5CMD, "small", "small", is_late=False), 2),
        "vs_s5cmd_large": round(find_ratio(S5CMD, "large", "large", is_late=False), 2),
        "vs_s3_plugin_small": round(find_ratio(PLUGIN, "small", "few", is_late=True), 1),
    }


def summarize(found: Found) -> dict[str, float]:
    """Return the figures that have goals."""
    peak = max(
        timed.process.peak_rss_mib
        for transfer, all_timed in found.items()
        if transfer.way.name in OURS
        for timed in all_timed
    )
    return {**compare(found, OURS_IN_JOB), "peak_rss_mib": round(peak, 1)}


def describe(found: Found) -> dict[str, Any]:
    """Return all figures: medians by scenario and way, the seconds of every round."""
    scenarios: dict[str, dict[str, Any]] = {}
    for transfer, timed in found.items():
        scenarios.setdefault(transfer.scenario, {})[transfer.way.name] = {
            **find_middle(transfer, timed),
            "rounds": [round(each.seconds, 3) for each in timed],
        }
    return {"batchx_sync_as_a_process": compare(found, OURS_WHOLE), "scenarios": scenarios}


def find_missed(summary: Mapping[str, float]) -> list[str]:
    """Return a sentence for every goal that is missed."""
    return [
        f"missed: {name} is {summary[name]}, to be {words} {bound}"
        for name, (is_met, words, bound) in GOALS.items()
        if not is_met(summary[name], bound)
    ]
