"""Texts that a user sees, kept as files: a change of one is a change of the product."""

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"

VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"bx-([\w-]+?)-[0-9a-f]{12}-", r"bx-\1-<hash>-"),
    (r"batchx-local-[0-9a-f]{8}", "<bucket>"),
    (r"http://127\.0\.0\.1:\d+", "<endpoint>"),
    (r"\d{8}T\d{6}-[0-9a-f]{6}", "<run>"),
    (r"/[^\s\"]*/test_\w+?\d+/", "<test>/"),
    (r"scripts/tmp\w+\.", "scripts/<tmp>."),
    (r"/[^\s\"']*/w(/_)*/", "<scratch>/"),
    (r"registered: \d+, Batch API calls: \d+, time: \d+ s", "registered: <n>, …"),
    (r"snakemake:v[\d.]+", "snakemake:<version>"),
)


def cut_error(output: str) -> str:
    """Return what a run says of its errors: all but Snakemake's banner, progress and times."""
    lines = output.splitlines()
    starts = ("Error", "WorkflowError", "Missing", "batchx")
    first = next((i for i, line in enumerate(lines) if line.startswith(starts)), len(lines))
    noise = re.compile(r"^\s*\[\w{3} \w{3} |^Complete log|^Elapsed time|^Select jobs|^Execute \d")
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
