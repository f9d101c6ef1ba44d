"""Runs commands one after another in one shell, as a reader types them, and compares."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "@@begin", "@@end"
ANYTHING = "…"
RUN_SECONDS = 540


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed, standard error included."""

    command: str
    exit_code: int
    output: str


def run_in_one_shell(
    commands: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> list[Outcome]:
    """Run commands in one bash, whatever becomes of them; return an outcome for each."""
    script = "exec 2>&1\n" + "".join(
        f"printf '\\n%s\\n' {BEGIN}\n{command}\nprintf '\\n{END} %s\\n' $?\n"
        for command in commands
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    parts = re.findall(rf"\n{BEGIN}\n(.*?)\n{END} (\d+)\n", done.stdout, re.DOTALL)
    if len(parts) != len(commands):
        raise RuntimeError(f"The shell ended at {commands[len(parts)]!r}:\n{done.stdout}")
    ended = zip(commands, parts, strict=True)
    return [Outcome(command, int(code), output) for command, (output, code) in ended]


def is_printed(shown: Sequence[str], output: str) -> bool:
    """Tell whether an output is the one that a page shows.

    There `…` stands for anything within a line, and by itself for any number of lines.
    """
    pattern = "".join(
        r"(?:.*\n)*?" if line == ANYTHING else re.escape(line).replace(ANYTHING, ".*") + r"\n"
        for line in map(str.rstrip, shown)
        if line
    )
    lines = [line.rstrip() for line in output.splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines if line)) is not None
