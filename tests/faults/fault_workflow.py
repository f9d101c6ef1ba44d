"""The workflow of the trials: twelve jobs, each of which notes its work where Snakemake sees none.

Eight equal jobs (an array), two singles, and two that need others' outputs. A job's first deed is a
line in the ledger: its name, its Batch job, its attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PARTS = range(8)
LETTERS = ("delta", "alpha", "echo", "bravo")

SNAKEFILE = """
rule all:
    input: "out/final.txt"

rule part:
    input: "data/{{n}}.txt"
    output: "out/part{{n}}.txt"
    resources: mem_mb=128
    shell: "{work} sleep 0.{{wildcards.n}}; sort {{input}} > {{output}}"

rule left:
    input: "data/0.txt", "data/1.txt"
    output: "out/left.txt"
    resources: mem_mb=256
    shell: "{work} sort {{input}} > {{output}}"

rule right:
    input: "data/2.txt", "data/3.txt"
    output: "out/right.txt"
    resources: mem_mb=384
    shell: "{work} sort -r {{input}} > {{output}}"

rule gather:
    input: expand("out/part{{n}}.txt", n=range({parts}))
    output: "out/gather.txt"
    resources: mem_mb=128
    shell: "{work} cat {{input}} > {{output}}"

rule final:
    input: "out/gather.txt", "out/left.txt", "out/right.txt"
    output: "out/final.txt"
    resources: mem_mb=128
    shell: "{work} cat {{input}} > {{output}}"
"""

WORK = (
    'echo \\"$(basename {{output}} .txt) $AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT\\" >> {ledger};'
)


@dataclass(frozen=True)
class Work:
    """A line of the ledger: a job's work was begun by an attempt of a Batch job."""

    job: str
    batch_job_id: str
    attempt: int


def write_workflow(folder: Path, ledger: Path) -> None:
    """Write Snakefile and data into a folder; jobs append to ``ledger``, a plain path."""
    (folder / "data").mkdir(parents=True)
    for number in PARTS:
        text = "".join(f"{letter} {number}\n" for letter in LETTERS)
        (folder / "data" / f"{number}.txt").write_text(text)
    work = WORK.format(ledger=ledger)
    (folder / "Snakefile").write_text(SNAKEFILE.format(work=work, parts=len(PARTS)))
    ledger.touch()


def list_expected() -> dict[str, str]:
    """Return what each job must make: its name to the text of ``out/<name>.txt``."""
    lines = [[f"{letter} {number}\n" for letter in LETTERS] for number in PARTS]
    parts = {f"part{number}": "".join(sorted(lines[number])) for number in PARTS}
    gathered = "".join(parts.values())
    left = "".join(sorted(lines[0] + lines[1]))
    right = "".join(sorted(lines[2] + lines[3], reverse=True))
    final = gathered + left + right
    return {**parts, "left": left, "right": right, "gather": gathered, "final": final}


def read_outputs(folder: Path) -> dict[str, str]:
    """Return the texts of the outputs that are there."""
    return {path.stem: path.read_text() for path in (folder / "out").glob("*.txt")}


def read_ledger(ledger: Path) -> list[Work]:
    """Return all work that was begun, in order."""
    rows = [line.split() for line in ledger.read_text().splitlines()]
    return [Work(job, batch_job_id, int(attempt)) for job, batch_job_id, attempt in rows]
