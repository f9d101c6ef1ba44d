"""Detached runs of a workflow whose jobs note that they work, for the end-to-end tests."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runs import Run, Workspace, run_command

from snakemake_executor_plugin_batchx.detached.notes import RunNote, read_notes

BATCHX = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"

SNAKEFILE = """
    rule all:
        input: "sum.txt"
    rule early:
        output: "early.txt"
        shell: "echo early >> LEDGER; echo early > {output}"
    rule one:
        input: "early.txt"
        output: "out/{n}.txt"
        shell:
            "echo one{wildcards.n} >> LEDGER; while ! test -e GATE; do sleep 0.1; done; "
            "echo {wildcards.n} > {output}"
    rule sum:
        input: expand("out/{n}.txt", n=range(3)), "data/in.txt"
        output: "sum.txt"
        log: "sum.log"
        shell: "echo sum >> LEDGER; cat {input} > {output} 2> {log}"
"""

ONCE = {"early": 1, "one0": 1, "one1": 1, "one2": 1, "sum": 1}

SUM = "0\n1\n2\nin\n"


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 45
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)


class Detached:
    """A workspace whose jobs note that they work, and wait for a gate; and `batchx run` in it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = workspace.folder
        self.ledger = workspace.folder.parent / "ledger"
        self.gate = workspace.folder.parent / "gate"
        workspace.allow(head_roles=(workspace.aws.head_role_arn,))
        text = SNAKEFILE.replace("LEDGER", str(self.ledger)).replace("GATE", str(self.gate))
        workspace.write(Snakefile=text)
        (self.folder / "data").mkdir()
        (self.folder / "data" / "in.txt").write_text("in\n")

    def batchx(self, *args: str) -> Run:
        command = [sys.executable, "-c", BATCHX, *args]
        return run_command(command, self.folder, self.workspace.environment, 120)

    def start(self, *args: str, options: Sequence[str] = ()) -> Run:
        role = ("--batchx-head-role", self.workspace.aws.head_role_arn)
        words = ("snakemake", "--executor", "batchx", "-j", "10", *role, *args)
        return self.batchx("run", "--detach", *options, "--", *words)

    @property
    def note(self) -> RunNote:
        return read_notes(self.folder)[-1]

    def count_work(self) -> Counter[str]:
        """Return how often each job has worked."""
        return Counter(self.ledger.read_text().split() if self.ledger.exists() else [])

    def describe_head(self) -> dict[str, Any]:
        batch = self.workspace.client("batch")
        name = [{"name": "JOB_NAME", "values": [f"bxrun-{self.note.detached_id}"]}]
        found = batch.list_jobs(jobQueue=self.workspace.aws.job_queue, filters=name)
        (job,) = batch.describe_jobs(jobs=[found["jobSummaryList"][0]["jobId"]])["jobs"]
        return dict(job)

    def has_ended(self) -> bool:
        """Tell whether the head has ended for good."""
        return self.describe_head()["status"] in {"SUCCEEDED", "FAILED"}

    def list_jobs(self, status: str) -> list[dict[str, Any]]:
        """Return the jobs of rules on the queue that have a status."""
        batch, queue = self.workspace.client("batch"), self.workspace.aws.job_queue
        found = batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
        return [job for job in found if job["jobName"].startswith("bx-")]

    def kill_head(self) -> None:
        """Kill the head's first process, as the loss of a host would all of them."""
        wanted = f"/detached/{self.note.detached_id}".encode()
        module = b"snakemake_executor_plugin_batchx.detached"
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(FileNotFoundError, ProcessLookupError):  # others end meanwhile
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if module in words and any(word.endswith(wanted) for word in words):
                        os.kill(int(entry.name), signal.SIGKILL)
