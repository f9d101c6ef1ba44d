"""A folder is listed as S3 lists keys; what cannot be sent is told, unless it is left out."""

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters, Pattern
from snakemake_executor_plugin_batchx.storage.sync.local_tree import LocalTree

EMPTY: dict[str, object] = {}

names = st.text(st.sampled_from("ab-. !0ü\uffff\U0001f600"), min_size=1, max_size=3).filter(
    lambda name: name not in {".", ".."}
)
trees = st.recursive(
    st.just(None), lambda inner: st.dictionaries(names, inner, max_size=5), max_leaves=15
).filter(lambda tree: tree is not None)


def build(folder: str, tree: dict[str, object]) -> list[str]:
    """Make files (None) and folders; return the names of files and empty folders."""
    found = []
    for name, inner in tree.items():
        path = os.path.join(folder, name)
        if isinstance(inner, dict):
            os.mkdir(path)
            found += [f"{name}/{below}" for below in build(path, inner)] or [f"{name}/"]
        else:
            Path(path).touch()
            found.append(name)
    return found


@settings(deadline=None)
@given(trees)
def test_the_order_is_that_of_s3(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = build(folder, tree)
        local = LocalTree(f"{folder}/", Filters(), is_strict=True)
        assert list(local.iter_names()) == sorted(wanted, key=str.encode)
        items = list(local.iter_items(is_with_full_folders=False))
        assert [item.name for item in items] == sorted(wanted, key=str.encode)
        with_all = [item.name for item in local.iter_items(is_with_full_folders=True)]
        assert with_all == sorted(with_all, key=str.encode)
        assert set(with_all) >= set(wanted)


def make_bad(folder: Path) -> dict[str, str]:
    """Make one of each that cannot be sent; return what is told of it."""
    os.symlink("nowhere", folder / "dangling")
    os.symlink("itself", folder / "itself")
    (folder / "sub").mkdir()
    os.symlink("..", folder / "sub/loop")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(folder / "socket"))
    os.symlink("/dev/null", folder / "null")
    return {
        "dangling": "is a link that leads nowhere",
        "itself": "is a link that leads in a circle",
        "sub/loop": "is a link that leads in a circle",
        "pipe": "is a pipe",
        "socket": "is a socket",
        "null": "is a device",
    }


@pytest.mark.parametrize("alone", ["dangling", "itself", "sub/loop", "pipe", "socket", "null"])
def test_what_cannot_be_sent_is_told_unless_it_is_left_out(tmp_path: Path, alone: str) -> None:
    told = make_bad(tmp_path)
    (tmp_path / "good").touch()
    others = [Pattern(name, is_taken=False) for name in told if name != alone]
    tree = LocalTree(f"{tmp_path}/", Filters(others), is_strict=True)
    with pytest.raises(BatchxError) as caught:
        list(tree.iter_names())
    assert str(caught.value).startswith(f"{tmp_path}/{alone} {told[alone]}")
    assert str(caught.value).endswith(": leave it out by --exclude.")
    for last in (alone, f"{alone}*", "*"):
        filters = Filters([*others, Pattern(last, is_taken=False)])
        assert alone not in list(LocalTree(f"{tmp_path}/", filters, is_strict=True).iter_names())
    below = Filters([*others, Pattern(f"{alone}/*", is_taken=False)])
    assert "good" in LocalTree(f"{tmp_path}/", below, is_strict=True).iter_names()


def test_at_the_destination_they_are_passed_over(tmp_path: Path) -> None:
    make_bad(tmp_path)
    (tmp_path / "good").touch()
    tree = LocalTree(f"{tmp_path}/", Filters(), is_strict=False)
    assert [found.name for found in tree.iter_found()] == ["good", "sub/"]


def test_links_are_followed(tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    (aside / "inner").mkdir(parents=True)
    (aside / "inner/file").write_text("12345")
    top = tmp_path / "top"
    top.mkdir()
    os.symlink("../aside", top / "folder")
    os.symlink("../aside/inner/file", top / "file")
    # Twice the same is no circle.
    os.symlink("../aside/inner", top / "again")
    items = list(
        LocalTree(f"{top}/", Filters(), is_strict=True).iter_items(is_with_full_folders=False)
    )
    assert [(item.name, item.size) for item in items] == [
        ("again/file", 5),
        ("file", 5),
        ("folder/inner/file", 5),
    ]


def test_a_folder_that_is_left_out_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".snakemake/log").mkdir(parents=True)
    os.mkfifo(tmp_path / ".snakemake/log/pipe")
    filters = Filters([Pattern(".snakemake/*", is_taken=False)])
    assert list(LocalTree(f"{tmp_path}/", filters, is_strict=True).iter_names()) == []
