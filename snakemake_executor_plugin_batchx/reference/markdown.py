"""Markdown, as the documentation is written in it."""

import re
from collections.abc import Iterable

ABSENT = "–"

CODE = re.compile(r"(`[^`]*`)|(?<![\w`-])((?:--[a-z][a-z0-9-]*|batchx_[a-z_]+)(?:=[\w'-]+)?)")
"""What stands in backquotes already, or what should: a flag, a resource."""


def make_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table, a line for each row."""
    names = list(header)
    lines = [names, ["---"] * len(names), *([_escape(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def mark_code(text: str) -> str:
    """Return a text whose flags and resources stand in backquotes."""
    return CODE.sub(lambda found: found[1] or quote(found[2]), text)


def quote(text: str) -> str:
    """Return a text in backquotes."""
    return f"`{text}`"


def quote_all(texts: Iterable[str]) -> str:
    """Return texts in backquotes, with commas."""
    return ", ".join(map(quote, texts))


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")
