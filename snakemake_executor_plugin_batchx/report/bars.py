"""Bars that show how much of what was asked for was used."""

from collections.abc import Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.report.markup import WIDTH, element, figure, label, rect, text
from snakemake_executor_plugin_batchx.report.words import shorten

LEFT, RIGHT, ROW, BAR = 216.0, 250.0, 26.0, 14.0

LABEL_SIGNS = 27


@dataclass(frozen=True)
class Bar:
    """A bar: what was asked for, what of it was used, and both in words."""

    name: str
    asked: float
    used: float
    words: str


def draw_bars(bars: Sequence[Bar], description: str, *, is_each_whole: bool = False) -> str:
    """Return the bars; with `is_each_whole` all have the same length, whatever was asked for."""
    height = ROW * len(bars) + 4
    longest = max((max(bar.asked, bar.used) for bar in bars), default=0.0) or 1.0
    parts = []
    for index, bar in enumerate(bars):
        y = 4 + index * ROW
        whole = (max(bar.asked, bar.used) or 1.0) if is_each_whole else longest
        space = WIDTH - LEFT - RIGHT
        asked, used = (space * min(1.0, each / whole) for each in (bar.asked, bar.used))
        parts.append(
            element(
                "g",
                element("title", text(f"{bar.name}: {bar.words}")),
                label(LEFT - 8, y + BAR - 2, shorten(bar.name, LABEL_SIGNS), "end", class_="name"),
                rect(LEFT, y, asked, BAR, class_="asked"),
                rect(LEFT, y + 3, used, BAR - 6, class_="used"),
                label(LEFT + max(asked, used) + 8, y + BAR - 2, bar.words, class_="words"),
                class_="bar",
            )
        )
    return figure(*parts, height=height, description=description, kind="bars")
