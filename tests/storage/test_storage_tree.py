"""Files, directories and links as entries, and what must not follow, hang or be lost."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.spec import Entry
from snakemake_executor_plugin_batchx.storage.tree import (
    apply_modes,
    apply_times,
    list_entries,
    make_skeleton,
    remove_path,
)


def list_shapes(base: Path, path: str) -> list[tuple[str, str, str | None]]:
    """Return path, kind and link target of every entry."""
    return [(e.path, e.kind, e.target) for e in list_entries(str(base), path)]


def write_file(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_directory_lists_parents_first_in_the_order_of_names(tmp_path: Path) -> None:
    write_file(tmp_path / "d" / "b" / "x")
    write_file(tmp_path / "d" / "a")
    (tmp_path / "d" / "empty").mkdir()
    assert list_shapes(tmp_path, "d") == [
        ("d", "dir", None),
        ("d/a", "file", None),
        ("d/b", "dir", None),
        ("d/b/x", "file", None),
        ("d/empty", "dir", None),
    ]


def test_mode_and_time_are_told(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f")
    path.chmod(0o751)
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    assert list_entries(str(tmp_path), "f") == [
        Entry("f", "file", 0o751, 1_600_000_000_123_456_789)
    ]


def test_an_absolute_path_stays_absolute(tmp_path: Path) -> None:
    path = write_file(tmp_path / "elsewhere" / "f")
    assert list_shapes(tmp_path / "base", str(path)) == [(str(path), "file", None)]


@pytest.mark.parametrize("target", ["a", "b/c", "nowhere", "./a", "b/../a", "../d/a", ".", "../d"])
def test_a_relative_link_within_the_tree_stays_a_link(tmp_path: Path, target: str) -> None:
    write_file(tmp_path / "d" / "a")
    write_file(tmp_path / "d" / "b" / "c")
    (tmp_path / "d" / "link").symlink_to(target)
    assert ("d/link", "link", target) in list_shapes(tmp_path, "d")


def test_a_link_up_to_the_top_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "d" / "deep").mkdir(parents=True)
    (tmp_path / "d" / "deep" / "up").symlink_to("..")
    assert ("d/deep/up", "link", "..") in list_shapes(tmp_path, "d")


def test_a_link_at_the_top_is_followed(tmp_path: Path) -> None:
    write_file(tmp_path / "real" / "f")
    (tmp_path / "real" / "inner").symlink_to("f")
    (tmp_path / "top").symlink_to("real")
    (tmp_path / "file").symlink_to("real/f")
    assert list_shapes(tmp_path, "top") == [
        ("top", "dir", None),
        ("top/f", "file", None),
        ("top/inner", "link", "f"),
    ]
    assert list_shapes(tmp_path, "file") == [("file", "file", None)]


def test_links_that_would_lead_nowhere_on_the_other_side_are_followed(tmp_path: Path) -> None:
    outside = write_file(tmp_path / "outside" / "f")
    write_file(tmp_path / "outside" / "sub" / "g")
    tree = tmp_path / "d"
    write_file(tree / "a")
    (tree / "absolute").symlink_to(tree / "a")
    (tree / "file").symlink_to("../outside/f")
    (tree / "folder").symlink_to(outside.parent)
    assert list_shapes(tmp_path, "d") == [
        ("d", "dir", None),
        ("d/a", "file", None),
        ("d/absolute", "file", None),
        ("d/file", "file", None),
        ("d/folder", "dir", None),
        ("d/folder/f", "file", None),
        ("d/folder/sub", "dir", None),
        ("d/folder/sub/g", "file", None),
    ]


def test_a_link_that_comes_back_by_the_name_of_a_followed_top_is_followed(tmp_path: Path) -> None:
    write_file(tmp_path / "real" / "f")
    (tmp_path / "real" / "back").symlink_to("../real/f")
    (tmp_path / "top").symlink_to("real")
    # On the other side there is `top`, but no `real`.
    assert ("top/back", "file", None) in list_shapes(tmp_path, "top")


@pytest.mark.parametrize("target", ["../outside", "/nonexistent/file", "..", "/"])
def test_a_link_that_cannot_be_followed_stays_one(tmp_path: Path, target: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "link").symlink_to(target)
    assert [(e.kind, e.target) for e in list_entries(str(tmp_path), "d")] == [
        ("dir", None),
        ("link", target),
    ]


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_entries(str(tmp_path), "missing")


@pytest.mark.parametrize("path", ["d", "d/pipe"])
def test_what_has_no_content_is_refused_not_waited_for(tmp_path: Path, path: str) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / "pipe")
    with pytest.raises(OSError, match="neither a file nor a directory"):
        list_entries(str(tmp_path), path)


@pytest.mark.parametrize("kind", ["nothing", "file", "link to file", "link to directory", "tree"])
def test_remove_path_removes_that_and_no_more(tmp_path: Path, kind: str) -> None:
    kept = write_file(tmp_path / "kept" / "f")
    path = tmp_path / "path"
    if kind == "file":
        write_file(path)
    elif kind == "link to file":
        path.symlink_to(kept)
    elif kind == "link to directory":
        path.symlink_to(kept.parent)
    elif kind == "tree":
        write_file(path / "a" / "b")
        (path / "outside").symlink_to(kept.parent)
    remove_path(path)
    assert not os.path.lexists(path)
    assert kept.exists()


def test_the_owner_can_remove_protected_directories(tmp_path: Path) -> None:
    top = tmp_path / "tree"
    for name in ("readonly", "closed"):
        write_file(top / name / "inner" / "f")
    kept = write_file(tmp_path / "kept" / "f")
    kept.parent.chmod(0o755)
    (top / "readonly" / "outside").symlink_to(kept.parent)
    (top / "readonly").chmod(0o555)
    (top / "closed" / "inner").chmod(0)
    (top / "closed").chmod(0)
    top.chmod(0o500)
    remove_path(top)
    assert not top.exists()
    assert kept.parent.stat().st_mode & 0o777 == 0o755


def make_entry(path: str, kind: str, *, mode: int = 0o755, target: str | None = None) -> Entry:
    return Entry(path, kind, mode, 1_600_000_000_000_000_000, target=target)  # type: ignore[arg-type]


def test_a_skeleton_replaces_what_is_in_the_way_and_keeps_directories(tmp_path: Path) -> None:
    write_file(tmp_path / "kept" / "f")
    write_file(tmp_path / "file in the way")
    other = write_file(tmp_path / "other" / "f")
    (tmp_path / "link in the way").symlink_to("other")
    write_file(tmp_path / "becomes a link" / "f")
    make_skeleton(
        str(tmp_path),
        (
            make_entry("kept", "dir"),
            make_entry("file in the way", "dir"),
            make_entry("link in the way", "dir"),
            make_entry("becomes a link", "link", target="kept"),
            make_entry("new/link", "link", target="nowhere"),
            make_entry("new/dir", "dir"),
        ),
    )
    assert (tmp_path / "kept" / "f").exists()
    assert (tmp_path / "file in the way").is_dir()
    assert not (tmp_path / "link in the way").is_symlink()
    assert list((tmp_path / "link in the way").iterdir()) == []
    assert other.exists()
    assert os.readlink(tmp_path / "becomes a link") == "kept"
    assert os.readlink(tmp_path / "new" / "link") == "nowhere"
    assert (tmp_path / "new" / "dir").is_dir()


@pytest.mark.parametrize("time_ns", [None, 1_500_000_000_000_000_001])
def test_modes_and_times_are_applied_from_the_inside_out(
    tmp_path: Path, time_ns: int | None
) -> None:
    entries = (
        make_entry("d", "dir", mode=0o555),
        make_entry("d/f", "file", mode=0o440),
        make_entry("d/link", "link", target="nowhere"),
    )
    make_skeleton(str(tmp_path), entries)
    write_file(tmp_path / "d" / "f")
    apply_modes(str(tmp_path), entries)
    apply_times(str(tmp_path), entries, time_ns)
    wanted_ns = time_ns or entries[0].mtime_ns
    for entry in entries:
        status = os.lstat(tmp_path / entry.path)
        assert status.st_mtime_ns == wanted_ns
        if entry.kind != "link":
            assert status.st_mode & 0o777 == entry.mode
    remove_path(tmp_path / "d")


def test_links_that_lead_nowhere_or_in_a_circle_stay_links(tmp_path: Path) -> None:
    top = tmp_path / "outer" / "top"
    top.mkdir(parents=True)
    (top / "nowhere").symlink_to("/no/such/place")
    (top / "up").symlink_to("../../outer")
    entries = {entry.path: entry for entry in list_entries(str(tmp_path), "outer/top")}
    assert entries["outer/top/nowhere"].target == "/no/such/place"
    assert entries["outer/top/up"].target == "../../outer"
    assert len(entries) == 3
