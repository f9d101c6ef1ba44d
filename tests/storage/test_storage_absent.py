"""Names that stand for the head's files: seen by listing, unreadable, never in the way."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.storage.absent import (
    Listing,
    Placed,
    note_folders,
    place_names,
    remove_names,
    remove_placed,
)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    return folder


@pytest.fixture
def absent(tmp_path: Path) -> Path:
    return tmp_path / "absent"


def place(top: Path, absent: Path, *listings: Listing) -> Placed:
    placed = place_names(listings, top, absent)
    note_folders(placed.folders, absent)
    return placed


def test_names_are_listed_and_cannot_be_read(top: Path, absent: Path) -> None:
    (top / "data").mkdir()
    (top / "data" / "input.fq").write_text("real")
    place(top, absent, Listing("data", ("a.fq", "input.fq"), ("deep", "other")))
    assert sorted(os.listdir(top / "data")) == ["a.fq", "deep", "input.fq", "other"]
    assert (top / "data" / "input.fq").read_text() == "real"
    assert (top / "data" / "deep").is_dir()
    with pytest.raises(FileNotFoundError):
        (top / "data" / "a.fq").read_text()


def test_a_tool_may_write_through_a_name(top: Path, absent: Path) -> None:
    place(top, absent, Listing("data", ("x.bai",), ()))
    (top / "data" / "x.bai").write_text("index")
    assert (top / "data" / "x.bai").read_text() == "index"


def test_nothing_listed_makes_nothing(top: Path, absent: Path) -> None:
    assert place_names([], top, absent) == Placed((), ())
    assert not absent.exists()
    remove_names([str(top)], absent)
    assert top.exists()


def test_outputs_and_what_is_below_them_go_but_no_file(top: Path, absent: Path) -> None:
    listings = (
        Listing("results", ("one.txt", "kept.txt"), ("tree",)),
        Listing("results/tree", ("old.txt",), ("old", "input")),
    )
    placed = place_names(listings, top, absent)
    is_input = top / "results" / "tree" / "input"
    note_folders((f for f in placed.folders if f != is_input), absent)
    (top / "results" / "tree" / "real.txt").write_text("real")
    (top / "results" / "tree" / "link").symlink_to("real.txt")
    remove_names([str(top / "results" / "one.txt"), str(top / "results" / "tree")], absent)
    left = sorted(str(path.relative_to(top)) for path in top.rglob("*"))
    tree = ["results/tree", "results/tree/input", "results/tree/link", "results/tree/real.txt"]
    assert left == ["results", "results/kept.txt", *tree]


def test_an_empty_output_folder_goes_itself(top: Path, absent: Path) -> None:
    place(top, absent, Listing(".", (), ("tree",)), Listing("tree", ("old.txt",), ()))
    remove_names([str(top / "tree")], absent)
    assert not (top / "tree").exists()


def test_an_absolute_folder_is_made_and_goes_again(tmp_path: Path, top: Path, absent: Path) -> None:
    far = tmp_path / "far" / "reads"
    listings = (
        Listing(str(far), ("a.fq", "written.fq"), ("sub",), keeps_path=True),
        Listing(str(far / "sub"), ("b.fq",), (), keeps_path=True),
    )
    placed = place(top, absent, *listings)
    assert sorted(os.listdir(far)) == ["a.fq", "sub", "written.fq"]
    assert os.listdir(far / "sub") == ["b.fq"]
    (far / "input.fq").write_text("an input")
    remove_placed(placed, top)
    assert sorted(str(p.relative_to(tmp_path / "far")) for p in (tmp_path / "far").rglob("*")) == [
        "reads",
        "reads/input.fq",
    ]
    (far / "input.fq").unlink()
    remove_placed(placed, top)
    assert not (tmp_path / "far").exists()


def test_an_absolute_folder_that_is_there_is_not_touched(
    tmp_path: Path, top: Path, absent: Path
) -> None:
    far = tmp_path / "far"
    far.mkdir()
    placed = place(top, absent, Listing(str(far), ("a.fq",), ("sub",), keeps_path=True))
    assert list(far.iterdir()) == []
    remove_placed(placed, top)
    assert far.is_dir()


def test_an_absolute_folder_that_cannot_be_made_is_left_out(
    tmp_path: Path, top: Path, absent: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    inside = str(tmp_path / "file" / "reads")
    assert place(top, absent, Listing(inside, ("a.fq",), (), keeps_path=True)) == Placed((), ())
