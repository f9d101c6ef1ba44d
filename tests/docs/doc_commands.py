"""The commands that pages of the documentation show, and what they say that these print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

PROGRAMS = (
    *("snakemake", "batchx", "make", "pip", "python", "python3", "aws", "docker", "jq", "git"),
    *("export", "unset", "eval", "source", ".", "cd", "mkdir", "cp", "mv", "rm", "ls", "cat"),
    *("sed", "printf", "tar", "curl", "nextflow", "tailscale"),
)
"""A line that begins with one of these is a command."""

COMMAND = re.compile(rf"(?:\w+=\S* )*(?:{'|'.join(map(re.escape, PROGRAMS))})(?: |$)|\w+=\$\(")
HEREDOC = re.compile(r"<<'?(\w+)'?")
SHELLS = ("sh", "console", "bash")


@dataclass(frozen=True)
class Block:
    """A piece of a page that stands by itself: `language` is that of a fence, `line` its first."""

    line: int
    language: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Commands:
    """Commands that stand together, and the lines that they print, if the page shows them."""

    line: int
    commands: tuple[str, ...]
    printed: tuple[str, ...] | None = None


def list_commands(text: str) -> list[Commands]:
    """Return what a page shows of commands, in order. Raises ValueError for half a command."""
    blocks = list(iter_blocks(text))
    found = []
    for block, following in zip_longest(blocks, blocks[1:]):
        if not is_shell(block):
            continue
        printed = following.lines if following and following.language == "text" else None
        is_next = following and following.line == block.line + len(block.lines) + 3
        commands = tuple(split_commands(block.lines))
        found.append(Commands(block.line, commands, printed if is_next else None))
    return found


def is_shell(block: Block) -> bool:
    """Tell whether a block is one of commands: by its fence, or by how its lines begin."""
    if block.language:
        return block.language in SHELLS
    return any(COMMAND.match(line) for line in block.lines)


def iter_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page that are fenced or indented by four blanks."""
    language, start, lines = "", 0, list[str]()
    is_fenced = False
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.startswith("```"):
            if lines:
                yield Block(start, language, tuple(strip_end(lines)))
            language, start, lines = line[3:].strip(), number + 1, []
            is_fenced = not is_fenced
        elif is_fenced:
            lines.append(line)
        elif line.startswith("    "):
            start = start if lines else number
            lines.append(line[4:])
        elif lines and line:
            yield Block(start, "", tuple(strip_end(lines)))
            lines = []
        elif lines:
            lines.append("")
    if lines:
        yield Block(start, "", tuple(strip_end(lines)))


def strip_end(lines: Sequence[str]) -> list[str]:
    """Return lines without the empty ones at their end."""
    kept = list(lines)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def split_commands(lines: Sequence[str]) -> Iterator[str]:
    """Yield commands: lines that go on, by a backslash, a quote or <<, belong together."""
    rest = list(lines)
    while rest:
        command = rest.pop(0)
        while is_unfinished(command):
            if not rest:
                raise ValueError(f"This command has no end: {command}")
            command += "\n" + rest.pop(0)
        if command.strip():
            yield command


def is_unfinished(command: str) -> bool:
    """Tell whether a command goes on in the next line."""
    first, *others = command.split("\n")
    heredoc = HEREDOC.search(first)
    if heredoc:
        return heredoc[1] not in others
    if command.endswith("\\"):
        return True
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False
