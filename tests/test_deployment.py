"""What is said of sources that are large or stay behind."""

from pathlib import Path

from snakemake_executor_plugin_batchx.deployment import tell_large_archive, tell_left_out
from snakemake_executor_plugin_batchx.workflow.script_trees import FileSize


def list_files(*sizes: int) -> list[FileSize]:
    return [FileSize(str(Path.cwd() / "data" / f"{size}.bam"), size) for size in sizes]


def test_what_stays_behind_is_counted_and_the_largest_named() -> None:
    said = tell_left_out(list_files(4_000_000_000, 3_000_000_000, 2_000_000, 1_000_000))
    assert "4 files (7.0 GB)" in said
    assert "data/4000000000.bam (4.0 GB), data/3000000000.bam (3.0 GB), " in said
    assert "data/1000000.bam" not in said
    assert "name it as an input" in said


def test_a_large_archive_names_what_makes_it_so() -> None:
    said = tell_large_archive(250_000_000, list_files(300_000_000))
    assert "250.0 MB packed" in said
    assert "data/300000000.bam (300.0 MB)" in said
