"""The status line on a real terminal: there while jobs run, and never in the way."""

import os
import pty
import re
import subprocess
import sys

import pytest
from runs import Workspace, keep_environment

from snakemake_executor_plugin_batchx.terminal_line import CLEAR_LINE

WORKFLOW = """
    rule all:
        input: expand("{n}.txt", n=range(2))
    rule one:
        output: "{n}.txt"
        shell: "sleep 3; touch {output}"
    """


def run_on_terminal(workspace: Workspace, *args: str) -> str:
    """Run Snakemake on a terminal of its own; return all that was written to it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--executor", "batchx", "-j", "2", *args],
        cwd=workspace.folder,
        env={**keep_environment(), **workspace.environment, "TERM": "xterm", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                written += os.read(ours, 65536)
            except OSError:  # Linux tells so that nobody is left on the other side
                break
    os.close(ours)
    assert process.returncode == 0, written.decode()
    return written.decode()


def show(written: str) -> list[str]:
    """Return the lines that stay on a terminal."""
    lines = written.replace("\r\n", "\n").split("\n")
    return [re.sub(r"\x1b\[\d*m", "", line.rpartition(CLEAR_LINE)[2]) for line in lines]


def test_a_terminal_has_a_line_that_goes_when_something_is_said(workspace: Workspace) -> None:
    workspace.write(Snakefile=WORKFLOW)
    written = run_on_terminal(workspace)
    assert f"{CLEAR_LINE}batchx: 2 running" in written
    lines = show(written)
    assert not [line for line in lines if re.search(r"\d (running|starting|waiting|done)", line)]
    assert [line for line in lines if line.startswith("batchx: Rule one") or "array job" in line]
    assert any(line.startswith("batchx: jobs submitted: 2") for line in lines)


@pytest.mark.parametrize("quietness", ["progress", "all"])
def test_under_quiet_there_is_none(workspace: Workspace, quietness: str) -> None:
    workspace.write(Snakefile=WORKFLOW)
    assert CLEAR_LINE not in run_on_terminal(workspace, "--quiet", quietness)
