"""The kept output: its size is counted, whatever becomes of the file."""

from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.job.kept_output import (
    KEPT_BYTES,
    KeptOutput,
    choose_kept_bytes,
)


def test_a_full_disk_ends_the_keeping_and_not_the_job() -> None:
    kept = KeptOutput(Path("/dev/full"), KEPT_BYTES)
    kept.add(b"one")
    kept.add(b"three")
    assert kept.size == 8


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    kept = KeptOutput(tmp_path / "gone" / "output", KEPT_BYTES)
    kept.add(b"one")
    assert kept.size == 3


@pytest.mark.parametrize(
    ("free_bytes", "kept_bytes"), [(0, 0), (8 * 2**20, 2**19), (2**40, KEPT_BYTES)]
)
def test_a_small_disk_is_the_tools(free_bytes: int, kept_bytes: int) -> None:
    assert choose_kept_bytes(free_bytes) == kept_bytes
