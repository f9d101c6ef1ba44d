"""The timeline of a run as SVG: a bar for each job, or for many how many were where."""

from collections.abc import Iterable, Iterator, Sequence

from snakemake_executor_plugin_batchx.report.markup import (
    WIDTH,
    element,
    figure,
    label,
    number,
    rect,
    text,
)
from snakemake_executor_plugin_batchx.report.phases import PHASES, Phase, find_phases
from snakemake_executor_plugin_batchx.report.rows import SUCCESS, JobRow, RunRecord
from snakemake_executor_plugin_batchx.report.words import format_seconds, shorten

MOST_BARS = 120
"""With more jobs than that they are counted, not drawn."""

BINS = 160

LEFT, RIGHT = 216.0, 16.0
ROW, BAR, TOP, BOTTOM = 16.0, 11.0, 8.0, 26.0
AREA_HEIGHT = 240.0
LEAST_WIDTH = 1.5
"""Of a phase that would not be seen otherwise."""

LABEL_SIGNS = 27

TICK_SECONDS = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
)
MOST_TICKS = 8


class Scale:
    """Turns times (seconds since 1970) into places."""

    def __init__(self, begun: float, ended: float) -> None:
        self.begun = begun
        self.seconds = max(ended - begun, 1.0)

    def place(self, time: float) -> float:
        """Return the x of a time, within the figure."""
        share = min(1.0, max(0.0, (time - self.begun) / self.seconds))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def iter_ticks(self) -> Iterator[tuple[float, str]]:
        """Yield places for lines, with what is written there."""
        days = self.seconds / MOST_TICKS / 86400
        step = next(
            (each for each in TICK_SECONDS if self.seconds / each <= MOST_TICKS),
            86400 * (int(days) + 1),
        )
        for count in range(int(self.seconds / step) + 1):
            yield self.place(self.begun + count * step), _tell_tick(count * step)


def _tell_tick(seconds: int) -> str:
    for size, unit, part, parts in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            rest = f" {seconds % size // part} {parts}" if seconds % size else ""
            return f"{seconds // size} {unit}{rest}"
    return f"{seconds} s" if seconds % 60 or not seconds else f"{seconds // 60} min"


def draw_timeline(run: RunRecord) -> tuple[str, str]:
    """Return the figure, and a sentence about what it shows."""
    rows = [(job, find_phases(job, run.ended)) for job in run.jobs]
    rows = [(job, phases) for job, phases in rows if phases]
    if not rows:
        return "", "No job got as far as AWS Batch."
    begun = min(phases[0].begun for _, phases in rows)
    ended = max(phase.ended for _, phases in rows for phase in phases)
    scale = Scale(begun, ended)
    rows.sort(key=lambda each: each[1][0].begun)
    if len(rows) <= MOST_BARS:
        return _draw_bars(rows, scale), "A bar is a job, from its submission to its end."
    sentence = (
        f"With {len(rows):,} jobs, the figure shows how many of them were doing what, not a bar "
        "for each."
    )
    return _draw_area([phases for _, phases in rows], scale), sentence


def _draw_bars(rows: Sequence[tuple[JobRow, list[Phase]]], scale: Scale) -> str:
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_draw_axis(scale, height)]
    for index, (job, phases) in enumerate(rows):
        y = TOP + index * ROW
        times = ", ".join(
            f"{PHASES[phase.name]} {format_seconds(phase.ended - phase.begun)}" for phase in phases
        )
        ending = "" if job.kind in {SUCCESS, None} else f" – failed ({job.kind})"
        title = element("title", text(f"{job.name}{ending}: {times}"))
        bars = "".join(_draw_phase(phase, scale, y) for phase in phases)
        words = shorten(job.name.removeprefix("Rule "), LABEL_SIGNS)
        name = label(LEFT - 8, y + BAR - 1, words, "end", class_="name")
        mark = ""
        if ending:
            mark = label(scale.place(phases[-1].ended) + 3, y + BAR, "✕", class_="mark")
        parts.append(element("g", title, name, bars, mark, class_="job"))
    words = f"Timeline of {len(rows)} jobs"
    return figure(*parts, height=height, description=words, kind="timeline")


def _draw_phase(phase: Phase, scale: Scale, y: float) -> str:
    x = scale.place(phase.begun)
    width = max(LEAST_WIDTH, scale.place(phase.ended) - x)
    return rect(x, y, width, BAR, class_=phase.name)


def count_phases(rows: Iterable[Sequence[Phase]], scale: Scale) -> dict[str, list[float]]:
    """Return how many jobs were in each phase on average, bin by bin.

    A phase adds to the bins that it touches, of the first and last its share: no bin is looked at
    for each job and phase more than twice, however many there are.
    """
    size = scale.seconds / BINS
    counts = {}
    for name in PHASES:
        # How the count changes from bin to bin, and what single bins have beside that.
        change, extra = [0.0] * (BINS + 1), [0.0] * (BINS + 1)
        for phase in (phase for phases in rows for phase in phases if phase.name == name):
            first = (phase.begun - scale.begun) / size
            last = (phase.ended - scale.begun) / size
            begin, end = int(first), min(int(last), BINS)
            if begin == end:
                extra[begin] += last - first
                continue
            extra[begin] += begin + 1 - first
            extra[end] += last - end
            change[begin + 1] += 1
            change[end] -= 1
        total, bins = 0.0, []
        for index in range(BINS):
            total += change[index]
            bins.append(total + extra[index])
        counts[name] = bins
    return counts


def _draw_area(rows: Sequence[Sequence[Phase]], scale: Scale) -> str:
    counts = count_phases(rows, scale)
    highest = max(sum(each[index] for each in counts.values()) for index in range(BINS)) or 1.0
    height = TOP + AREA_HEIGHT + BOTTOM
    width = (WIDTH - LEFT - RIGHT) / BINS
    parts = [_draw_axis(scale, height)]
    for share in (0.0, 0.5, 1.0):
        y = TOP + AREA_HEIGHT * (1 - share)
        parts.append(label(LEFT - 8, y + 4, f"{highest * share:,.0f} jobs", "end", class_="name"))
    below = [0.0] * BINS
    # What runs at the bottom, where its height is easily seen.
    for name in reversed(PHASES):
        path = []
        for index, value in enumerate(counts[name]):
            if value > 0:
                y = TOP + AREA_HEIGHT * (1 - (below[index] + value) / highest)
                # Ends are told, not widths, whose roundings would leave gaps between the bins.
                left, right = (f"{LEFT + each * width:.2f}" for each in (index, index + 1))
                tall = AREA_HEIGHT * value / highest
                path.append(f"M{left} {y:.2f}H{right}v{tall:.2f}H{left}z")
                below[index] += value
        if path:
            title = element("title", text(PHASES[name]))
            parts.append(element("path", title, d="".join(path), class_=name))
    words = f"How many of {len(rows):,} jobs were doing what"
    return figure(*parts, height=height, description=words, kind="timeline")


def _draw_axis(scale: Scale, height: float) -> str:
    parts = []
    for x, words in scale.iter_ticks():
        line = element(
            "line",
            x1=number(x),
            y1=number(TOP),
            x2=number(x),
            y2=number(height - BOTTOM + 4),
        )
        parts += [line, label(x, height - 8, words, "middle")]
    return element("g", *parts, class_="axis")
