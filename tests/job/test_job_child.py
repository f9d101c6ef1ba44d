"""Snakemake in a forked child: real forks of small workflows, in a process of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.job.child import ChildOutcome
from snakemake_executor_plugin_batchx.spec import EXIT_TERMINATED, ExpectedStep, JobSpec, encode

DEADLINE_SECONDS = 120
POLL_SECONDS = 0.02

PARENT = """
import json, signal, sys
from pathlib import Path
from snakemake_executor_plugin_batchx.job.__main__ import raise_terminated
from snakemake_executor_plugin_batchx.job.child import Place, run_in_child
from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.spec import JobSpec, decode, encode

signal.signal(signal.SIGTERM, raise_terminated)
folder = Path(sys.argv[1])
job = decode(JobSpec, json.loads((folder / "job.json").read_text()))
place = Place(folder / "start", folder / "output.log", Places({}))
outcome = run_in_child(job, place, lambda jobs: None)
(folder / "outcome.json").write_text(json.dumps(encode(outcome)))
"""

ARGV = (
    *("--snakefile", "Snakefile", "--mode", "remote", "--executor", "batchx-guard"),
    *("--cores", "1", "--nolock", "--latency-wait", "0", "--retries", "0", "--quiet", "all"),
)


def make_step(*, output: str = "out.txt") -> ExpectedStep:
    return ExpectedStep("make", {}, (), (output,), (), None)


@dataclass(frozen=True)
class Parent:
    """The process that a container starts with, about to run a workflow in a child."""

    folder: Path

    def start(self, snakefile: str, *steps: ExpectedStep) -> "subprocess.Popen[bytes]":
        """Start it with a workflow, of which these steps are expected."""
        (self.folder / "start").mkdir()
        (self.folder / "start" / "Snakefile").write_text(snakefile, encoding="utf-8")
        job = JobSpec(("out.txt", *ARGV), (), (), steps, "lease", "result")
        (self.folder / "job.json").write_text(json.dumps(encode(job)))
        return subprocess.Popen(
            [sys.executable, "-c", PARENT, str(self.folder)],
            env={**os.environ, "HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def finish(self, process: "subprocess.Popen[bytes]") -> tuple[ChildOutcome, str]:
        """Return how the child ended, and all that the process wrote."""
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 0, output.decode()
        outcome = json.loads((self.folder / "outcome.json").read_text())
        return ChildOutcome(**outcome), output.decode()

    def run(self, snakefile: str, steps: Sequence[ExpectedStep]) -> tuple[ChildOutcome, str]:
        return self.finish(self.start(snakefile, *steps))

    def read(self, name: str) -> str:
        return (self.folder / "start" / name).read_text()


@pytest.fixture
def parent(tmp_path: Path) -> Parent:
    return Parent(tmp_path)


def make_rule(shell: str, *directives: str) -> str:
    lines = ["rule make:", "    output: 'out.txt'", *(f"    {line}" for line in directives)]
    return "\n".join([*lines, f"    shell: {shell!r}", ""])


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(POLL_SECONDS)


def is_running(process_id: int) -> bool:
    """Tell whether a process runs: neither gone nor waiting to be reaped."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_workflow_is_run_and_its_output_kept_and_forwarded(parent: Parent) -> None:
    outcome, output = parent.run(
        make_rule("echo told; echo asked >&2; echo x > {output}"), [make_step()]
    )
    assert (outcome.exit_code, outcome.problem) == (0, None)
    assert parent.read("out.txt") == "x\n"
    assert {"told", "asked"} <= set(outcome.tail.splitlines())
    assert (parent.folder / "output.log").read_text() == outcome.tail
    assert outcome.output_bytes == len(outcome.tail)
    assert {"told", "asked"} <= set(output.splitlines())
    assert outcome.cpu_seconds > 0
    assert outcome.peak_memory_mib > 1


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_tools_own_exit_code_is_told(parent: Parent, command: str, code: int) -> None:
    outcome, _ = parent.run(make_rule(f"echo last words; {command}"), [make_step()])
    assert (outcome.exit_code, outcome.problem) == (code, None)
    assert "last words" in outcome.tail


def test_a_failed_tool_is_not_tried_again_in_the_job(parent: Parent) -> None:
    # The head tries again, with the resources of the next attempt.
    command = "echo try >> tries.txt; exit $(wc -l < tries.txt)"
    outcome, _ = parent.run(make_rule(command, "retries: 2"), [make_step()])
    assert parent.read("tries.txt") == "try\n"
    assert outcome.exit_code == 1


def test_a_step_that_the_head_did_not_submit_does_not_run(parent: Parent) -> None:
    outcome, _ = parent.run(make_rule("touch ran {output}"), [make_step(output="other.txt")])
    assert outcome.exit_code == 1
    assert outcome.problem is not None
    assert outcome.problem.startswith("The output of rule make is not what your machine submitted")
    assert not (parent.folder / "start" / "ran").exists()


def test_an_output_that_was_not_made_is_told(parent: Parent) -> None:
    outcome, _ = parent.run(make_rule("true"), [make_step()])
    assert outcome.exit_code == 1
    assert outcome.problem == "Rule make ended well but did not make out.txt."


def test_a_workflow_that_cannot_be_parsed_is_told(parent: Parent) -> None:
    outcome, _ = parent.run("import module_that_the_job_lacks\n", [make_step()])
    assert outcome.exit_code == 1
    assert outcome.problem is not None
    assert "module_that_the_job_lacks" in outcome.problem


def test_what_a_tool_leaves_running_is_ended(parent: Parent) -> None:
    command = "sleep 1000 >/dev/null 2>&1 & echo $! > {output}"
    outcome, _ = parent.run(make_rule(command), [make_step()])
    assert outcome.exit_code == 0
    left_running = int(parent.read("out.txt"))
    wait_until(lambda: not is_running(left_running), "the end of the tool's child")


@pytest.mark.parametrize(
    "command",
    [
        "sleep 1000",
        # Takes as long as a tool gets to end by itself.
        pytest.param("trap '' TERM; sleep 1000; sleep 1000", marks=pytest.mark.slow),
    ],
)
def test_sigterm_ends_the_tool_and_is_told(parent: Parent, command: str) -> None:
    process = parent.start(make_rule(f"echo begun; echo $$ > tool; {command}"), make_step())
    tool = parent.folder / "start" / "tool"
    wait_until(
        lambda: process.poll() is not None or (tool.exists() and "\n" in tool.read_text()),
        "the tool's start",
    )
    process.send_signal(signal.SIGTERM)
    outcome, _ = parent.finish(process)
    assert outcome.exit_code == EXIT_TERMINATED
    assert outcome.problem == (
        "Batch ended this job (SIGTERM): it was cancelled or ran out of time."
    )
    assert "begun" in outcome.tail
    wait_until(lambda: not is_running(int(tool.read_text())), "the tool's end")
