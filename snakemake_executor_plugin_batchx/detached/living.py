"""Whether a Snakemake works in a folder just now, which a detached run must not do at a time."""

from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.recovery import is_locked

LOCKS_DIR = Path(".snakemake", "locks")
"""What of it is there while a Snakemake works (snakemake/persistence.py)."""


def refuse_living(folder: Path) -> None:
    """Raise BatchxError where a Snakemake works in a folder: both would run the same jobs."""
    if any(is_locked(path) for path in sorted((folder / STATE_DIR).glob("*.jsonl"))):
        raise BatchxError(
            f"A run goes on in {folder}: wait for its end, or end it, before a detached one takes "
            "over."
        )
    if any((folder / LOCKS_DIR).glob("*.lock")):
        raise BatchxError(
            f"A Snakemake goes on in {folder}, or was killed there: wait for its end, or call "
            "snakemake --unlock where there is none."
        )
