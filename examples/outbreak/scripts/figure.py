"""Draw the outbreak: the isolates of each region by day and lineage, and the molecular clock."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from html import escape
from math import sqrt

WIDTH = 960
LEFT, RIGHT = 176, 720  # the panels whose x is time
BAR_LEFT, BAR_RIGHT = 752, 888  # what stands beside them
LANES_TOP = 134
LANE_HEIGHT = 42  # at least
DOT_PITCH = 4.8
CLOCK_HEIGHT = 200
INK, MUTED, GRID, AXIS = "#22303c", "#5d6b78", "#e1e6ea", "#9aa5b1"
COLOURS = ("#93a3b1", "#efb02e", "#c2325a")  # founder, between, the lineage
BUBBLE = "#3b73a8"
TIMES = "\N{MULTIPLICATION SIGN}"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Row = dict[str, str]


class Scale:
    """A straight map from values to pixels."""

    def __init__(self, values: tuple[float, float], pixels: tuple[float, float]) -> None:
        self.low, self.start = values[0], pixels[0]
        self.factor = (pixels[1] - pixels[0]) / (values[1] - values[0])

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) * self.factor


def read_table(path: str) -> list[Row]:
    with open(path, encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def count_days(text: str) -> int:
    """Return the ordinal of a date written YYYY-MM-DD."""
    return date.fromisoformat(text).toordinal()


def format_date(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def draw_text(x: float, y: float, text: str, size: int = 12, **style: str) -> str:
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{extra}>{escape(text)}</text>'


def draw_line(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
        f' stroke="{colour}"/>'
    )


def draw_dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.2f}" fill="{colour}"/>'


def draw_months(scale: Scale, months: range, top: float, bottom: float) -> Iterator[str]:
    """Draw a grid line and a label at the first day of each month of 2009."""
    for month in months:
        x = scale(date(2009, month, 1).toordinal())
        yield draw_line((x, top), (x, bottom), GRID)
        yield draw_text(x, bottom + 17, f"1 {MONTHS[month - 1]}", fill=MUTED, text_anchor="middle")


def draw_heading(isolates: int, lineage: str) -> Iterator[str]:
    """Draw the title and the legend of the lineages."""
    title = f"The rise of {lineage} in the first months of the 2009 influenza pandemic"
    yield draw_text(24, 38, title, 20, font_weight="bold")
    subtitle = f"{isolates} isolates of A(H1N1)pdm09 by day of collection; a dot is an isolate"
    yield draw_text(24, 60, subtitle, 13, fill=MUTED)
    labels = ("founder", "some of the marker mutations", f"{lineage} (all of them)")
    for x, colour, label in zip((LEFT, LEFT + 94, LEFT + 310), COLOURS, labels, strict=True):
        yield draw_dot(x + 5, 92, 5, colour)
        yield draw_text(x + 16, 96, label)
    yield draw_text(BAR_LEFT, 96, f"share of {lineage}")


def draw_isolates(rows: list[Row], kinds: list[str], scale: Scale, base: float) -> Iterator[str]:
    """Draw a dot per isolate, those of one day on top of each other."""
    stacked: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: kinds.index(row["lineage"])):
        y = base - DOT_PITCH * (stacked[row["date"]] + 0.5)
        stacked[row["date"]] += 1
        colour = COLOURS[kinds.index(row["lineage"])]
        yield draw_dot(scale(count_days(row["date"])), y, DOT_PITCH / 2, colour)


def draw_shares(counts: list[int], base: float) -> Iterator[str]:
    """Draw a region's lineages as one bar, with the percentage of the last."""
    scale = Scale((0, sum(counts)), (BAR_LEFT, BAR_RIGHT))
    for index, colour in enumerate(COLOURS):
        start, end = scale(sum(counts[:index])), scale(sum(counts[: index + 1]))
        yield (
            f'<rect x="{start:.1f}" y="{base - 15:.1f}" width="{end - start:.1f}" height="15"'
            f' fill="{colour}"/>'
        )
    percent = f"{100 * counts[-1] / sum(counts):.0f} %"
    yield draw_text(BAR_RIGHT + 10, base - 3, percent, 13, font_weight="bold")


def draw_lanes(lanes: list[tuple[str, list[Row]]], kinds: list[str]) -> tuple[list[str], float]:
    """Draw a lane per region (name, isolates); return the marks and where the last lane ends."""
    scale = Scale((count_days("2009-03-26"), count_days("2009-07-16")), (LEFT, RIGHT))
    marks: list[str] = []
    base = LANES_TOP - 20.0
    for name, rows in lanes:
        tallest = max(Counter(row["date"] for row in rows).values())
        base += max(LANE_HEIGHT, DOT_PITCH * tallest + 16)
        counts = [sum(row["lineage"] == kind for row in rows) for kind in kinds]
        size = f"{len(rows)} isolates"
        marks += [
            draw_line((LEFT, base), (RIGHT, base), AXIS),
            draw_text(LEFT - 14, base - 15, name, 13, font_weight="bold", text_anchor="end"),
            draw_text(LEFT - 14, base - 1, size, 11, fill=MUTED, text_anchor="end"),
            *draw_isolates(rows, kinds, scale, base),
            *draw_shares(counts, base),
        ]
    return [*draw_months(scale, range(4, 8), LANES_TOP - 20, base), *marks], base


def draw_clock_axes(x: Scale, y: Scale, highest: int) -> Iterator[str]:
    yield from draw_months(x, range(1, 8), y(highest), y(0))
    for tick in range(0, highest + 1, 2):
        yield draw_line((LEFT, y(tick)), (RIGHT, y(tick)), GRID if tick else AXIS)
        yield draw_text(LEFT - 10, y(tick) + 4, str(tick), fill=MUTED, text_anchor="end")
    across, middle = LEFT - 40, y(highest / 2)
    turn = f"rotate(-90 {across} {middle:.1f})"
    yield draw_text(
        across, middle, "mutations from the root", 12, text_anchor="middle", transform=turn
    )


def draw_clock(rows: list[Row], clock: dict[str, Row], top: float) -> Iterator[str]:
    """Draw mutations against the day, and the line through them back to the common ancestor."""
    points = Counter((count_days(row["date"]), int(row["mutations"])) for row in rows)
    highest = max(mutations for _, mutations in points) + 1
    x = Scale((count_days("2008-12-28"), count_days("2009-07-16")), (LEFT, RIGHT))
    y = Scale((0, highest), (top + CLOCK_HEIGHT, top))
    yield draw_text(24, top - 22, "The molecular clock", 15, font_weight="bold")
    yield from draw_clock_axes(x, y, highest)
    yield f'<g fill-opacity="0.45" stroke="{BUBBLE}" stroke-width="0.6">'
    for (day, mutations), count in sorted(points.items()):
        yield draw_dot(x(day), y(mutations), 2 * sqrt(count), BUBBLE)
    yield "</g>"
    origin = count_days(clock["common ancestor"]["estimate"])
    end = count_days("2009-07-16")
    rise = float(clock["mutations per day"]["estimate"]) * (end - origin)
    yield f'<g stroke-width="2">{draw_line((x(origin), y(0)), (x(end), y(rise)), INK)}</g>'
    yield draw_dot(x(origin), y(0), 4.5, INK)


def draw_findings(clock: dict[str, Row], top: float) -> Iterator[str]:
    """Write beside the clock what it says, with the 95 % intervals."""
    rate = clock["substitutions per site and year"]
    values = {bound: f"{1000 * float(rate[bound]):.1f}" for bound in ("estimate", "low", "high")}
    ancestor = clock["common ancestor"]
    yield draw_text(BAR_LEFT, top + 24, "substitutions per site and year", fill=MUTED)
    yield draw_text(
        BAR_LEFT, top + 48, f"{values['estimate']} {TIMES} 10⁻³", 19, font_weight="bold"
    )
    yield draw_text(BAR_LEFT, top + 67, f"95 %: {values['low']} to {values['high']}", fill=MUTED)
    yield draw_text(BAR_LEFT, top + 118, "common ancestor", fill=MUTED)
    found = format_date(ancestor["estimate"])
    yield draw_text(BAR_LEFT, top + 142, found, 19, font_weight="bold")
    interval = f"95 %: {format_date(ancestor['low'])} to {format_date(ancestor['high'])}"
    yield draw_text(BAR_LEFT, top + 161, interval, 11, fill=MUTED)


kinds = ["founder", "between", snakemake.params.lineage]
tables = [read_table(path) for path in snakemake.input.isolates]
isolates = [row for table in tables for row in table]
clock = {row["quantity"]: row for row in read_table(snakemake.input.clock)}

lanes, lanes_end = draw_lanes(list(zip(snakemake.params.names, tables, strict=True)), kinds)
clock_top = lanes_end + 84
height = round(clock_top + CLOCK_HEIGHT + 40)
marks = [
    f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
    f' viewBox="0 0 {WIDTH} {height}" font-family="Helvetica, Arial, sans-serif" fill="{INK}">',
    f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    *draw_heading(len(isolates), snakemake.params.lineage),
    *lanes,
    *draw_clock(isolates, clock, clock_top),
    *draw_findings(clock, clock_top),
    "</svg>",
]
with open(snakemake.output[0], "w", encoding="utf-8") as figure:
    figure.write("\n".join(marks) + "\n")

with open(snakemake.log[0], "w", encoding="utf-8") as log:
    log.write(f"{len(isolates)} isolates of {len(tables)} regions drawn\n")
