"""The end of a job's output, as an error message shows it."""

import re

TAIL_LINES = 20

LINE_CHARACTERS = 300

ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|.)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What moves a terminal's cursor or paints (https://ecma-international.org/publications-and-standards/
standards/ecma-48/), and other characters that no text has."""


def cut_tail(text: str) -> str:
    """Return the last lines of a job's output, indented, without blank ones at the end.

    As a terminal would show them in the end: of a line that was written over, a progress bar's, its
    last state; no colours; long lines shortened.
    """
    lines = [_clean_line(line) for line in text.rstrip().split("\n")]
    return "\n".join("    " + line for line in lines[-TAIL_LINES:])


def _clean_line(line: str) -> str:
    states = [each for each in ESCAPES.sub("", line).split("\r") if each.strip()]
    shown = states[-1].rstrip() if states else ""
    return shown if len(shown) <= LINE_CHARACTERS else f"{shown[:LINE_CHARACTERS]} …"
