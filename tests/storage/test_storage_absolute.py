"""Files that keep their absolute path: placed where nothing stands, and gone afterwards."""

from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.storage.absolute import place_absolute


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "data/lab").mkdir(parents=True)
    (folder / "data/lab/samples.tsv").write_text("a\n")
    (folder / "data/units.tsv").write_text("b\n")
    return folder


def test_files_stand_while_the_job_lasts(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with place_absolute(tree, root):
        assert (root / "data/lab/samples.tsv").read_text() == "a\n"
        assert (root / "data/units.tsv").read_text() == "b\n"
    assert list(root.iterdir()) == []


def test_what_is_there_is_not_touched(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (root / "data/units.tsv").write_text("mine\n")
    with place_absolute(tree, root) as made:
        assert made == [root / "data/lab/samples.tsv"]
        assert (root / "data/units.tsv").read_text() == "mine\n"
        (root / "data/lab/new.txt").write_text("of the tool's")
    assert (root / "data/units.tsv").read_text() == "mine\n"
    assert (root / "data/lab/new.txt").exists()
    assert not (root / "data/lab/samples.tsv").exists()


def test_a_place_that_cannot_be_written_is_left_out(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "data").write_text("a file where a folder should be")
    with place_absolute(tree, root) as made:
        assert made == []


def test_what_the_tool_has_written_stays(tree: Path, tmp_path: Path) -> None:
    """A file that parsing reads may be an output, too: it is sent when all this has gone."""
    root = tmp_path / "root"
    root.mkdir()
    with place_absolute(tree, root):
        (root / "data/units.tsv").write_text("made anew\n")
        (root / "data/lab/samples.tsv").unlink()
        (root / "data/lab/samples.tsv").write_text("another\n")
    assert (root / "data/units.tsv").read_text() == "made anew\n"
    assert (root / "data/lab/samples.tsv").read_text() == "another\n"


def test_two_jobs_of_a_host_do_not_disturb_each_other(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with place_absolute(tree, root) as first, place_absolute(tree, root) as second:
        assert (len(first), second) == (2, [])
