"""Fit the molecular clock: a line through mutations against the day of collection."""

import csv
import random
from collections.abc import Callable
from datetime import date

DAYS_PER_YEAR = 365.25

Point = tuple[int, int]


def read_points(path: str) -> list[Point]:
    """Return the day (as an ordinal) and the mutations of each isolate in a table."""
    with open(path, encoding="utf-8", newline="") as table:
        return [
            (date.fromisoformat(row["date"]).toordinal(), int(row["mutations"]))
            for row in csv.DictReader(table, delimiter="\t")
        ]


def fit_line(points: list[Point]) -> tuple[float, float]:
    """Return the least-squares slope (mutations a day) and the day on which the line meets zero."""
    count = len(points)
    days = sum(day for day, _ in points)
    mutations = sum(number for _, number in points)
    # Whole numbers up to here, so that every Python gives the same digits.
    covariance = count * sum(day * number for day, number in points) - days * mutations
    variance = count * sum(day * day for day, _ in points) - days * days
    slope = covariance / variance
    return slope, (days - mutations / slope) / count


def resample_line(points: list[Point], replicates: int, seed: int) -> list[tuple[float, float]]:
    """Return the lines through `replicates` samples of the points, drawn with replacement."""
    draw = random.Random(seed)
    return [fit_line(draw.choices(points, k=len(points))) for _ in range(replicates)]


def find_interval(values: list[float]) -> tuple[float, float]:
    """Return the bounds of the middle 95 % of the values."""
    ordered = sorted(values)
    tail = len(ordered) // 40
    return ordered[tail], ordered[-1 - tail]


def format_row(quantity: str, values: list[float], style: Callable[[float], str]) -> list[str]:
    """Return a quantity's cells: the estimate (the first value), then the bounds of the others."""
    return [quantity, *map(style, (values[0], *find_interval(values[1:])))]


def format_day(day: float) -> str:
    return date.fromordinal(round(day)).isoformat()


with open(snakemake.input.root, encoding="ascii") as fasta:
    sites = sum(len(line.strip()) for line in fasta if not line.startswith(">"))
points = [point for path in snakemake.input.isolates for point in read_points(path)]

lines = [
    fit_line(points),
    *resample_line(points, snakemake.params.replicates, snakemake.params.seed),
]
slopes = [slope for slope, _ in lines]
rates = [slope * DAYS_PER_YEAR / sites for slope in slopes]
origins = [origin for _, origin in lines]

with open(snakemake.output[0], "w", encoding="utf-8", newline="") as table:
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerow(["quantity", "estimate", "low", "high"])
    writer.writerow(format_row("mutations per day", slopes, "{:.5f}".format))
    writer.writerow(format_row("substitutions per site and year", rates, "{:.5f}".format))
    writer.writerow(format_row("common ancestor", origins, format_day))

with open(snakemake.log[0], "w", encoding="utf-8") as log:
    log.write(f"{len(points)} isolates, {sites} sites, {snakemake.params.replicates} resamplings\n")
