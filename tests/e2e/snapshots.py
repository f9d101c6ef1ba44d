"""Texts that a user sees, kept as files: a change of one is a change of the product."""

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"

VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"bx-([\w-]+?)-[0-9a-f]{12}-", r"bx-\1-<hash>-"),
    (r"batchx-local-[0-9a-f]{8}", "<bucket>"),
    (r"doctor/[0-9a-f]{16}", "doctor/<probe>"),
    (r"http://127\.0\.0\.1:\d+", "<endpoint>"),
    (r"\d{8}T\d{6}-[0-9a-f]{6}", "<run>"),
    (r"/[^\s\"]*/test_\w+?\d+/", "<test>/"),
    (r"scripts/tmp\w+\.", "scripts/<tmp>."),
    (r"/[^\s\"']*/w(/_)*/", "<scratch>/"),
    (r"registered: \d+, Batch API calls: \d+, time: \d+ s", "registered: <n>, …"),
    (r"\(measured peak: \d+ MiB\)", "(measured peak: <n> MiB)"),
    (r"(batchx-test|127\.0\.0\.1:\d+/me)/\S+@sha256:[0-9a-f]{64}", "<image>"),
    (r"127\.0\.0\.1:\d+/me/\w+", "<image>"),
    # Tests that share an account make queues.
    (r"name one that is there \([^)]*\)", "name one that is there (<queues>)"),
    (r"sha256:[0-9a-f]{64}", "sha256:<digest>"),
    (r"snakemake:v[\d.]+", "snakemake:<version>"),
)


def cut_error(output: str) -> str:
    """Return what a run says of its errors: all but Snakemake's banner, progress and times."""
    lines = output.splitlines()
    starts = ("Error", "WorkflowError", "Missing", "batchx")
    first = next((i for i, line in enumerate(lines) if line.startswith(starts)), len(lines))
    noise = re.compile(
        r"^\s*\[\w{3} \w{3} |^Complete log|^Elapsed time|^Select jobs|^Execute \d"
        r"|^batchx: [\d,]+ (done|running|starting|waiting|being|failed)"
    )
    return "\n".join(line.rstrip() for line in lines[first:] if not noise.match(line)) + "\n"


def check_snapshot(name: str, text: str) -> None:
    """Compare with the kept text; BATCHX_UPDATE_SNAPSHOTS=1 keeps the new one instead."""
    for pattern, replacement in VARYING:
        text = re.sub(pattern, replacement, text)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("BATCHX_UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


DOCS = Path(__file__).parents[2] / "docs"

SAMPLES = {
    "<id>": "6c0c8cd4-6ad1-4d2a-a4a2-4ea1d6a0b5b1",
    "<hash>": "3f0c2a9b7d51",
    "<run>": "20261130T191200-5f3a9c",
    "<n>": "352",
    "<endpoint>": "https://quay.io",
    "<digest>": "0f3b0a0b4c1f",
    "<image>": "quay.io/biocontainers/bwa:0.7.17",
    "<version>": "v9.27.1",
}
"""What the documentation shows in the place of what varies."""


def check_shown(name: str) -> None:
    """Compare a kept text with what the documentation shows of it, or renew that."""
    shown = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    for mark, sample in SAMPLES.items():
        shown = shown.replace(mark, sample)
    section = re.compile(f"<!-- told: {name} -->\n```text\n(.*?)```\n<!-- end -->", re.DOTALL)
    path = DOCS / "troubleshooting.md"
    text = path.read_text(encoding="utf-8")
    if os.environ.get("BATCHX_UPDATE_SNAPSHOTS") == "1":
        block = f"<!-- told: {name} -->\n```text\n{shown}```\n<!-- end -->"
        path.write_text(section.sub(lambda _: block, text), encoding="utf-8")
        return
    found = section.search(text)
    assert found
    assert found[1] == shown
