"""What of a folder travels."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.detached.folder import (
    choose_top,
    decode_entries,
    encode_entries,
    list_folder,
    make_filter,
)
from snakemake_executor_plugin_batchx.errors import BatchxError


def make_files(top: Path, *names: str) -> None:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def list_names(top: Path, *excluded: str) -> list[str]:
    found = list_folder(str(top), make_filter(str(top), lambda path: path in excluded))
    return [entry.path for entry in found if entry.kind != "dir"]


def test_repositories_environments_and_what_is_no_file_stay(tmp_path: Path) -> None:
    make_files(tmp_path, "Snakefile", "data/a.txt", "env/pyvenv.cfg", "env/bin/python")
    make_files(tmp_path, ".git/config", ".snakemake/metadata/x", "sub/.git/config", "conda/bin/a")
    make_files(tmp_path, "scripts/__pycache__/a.pyc", "scripts/a.py", "conda/conda-meta/history")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("missing")
    assert list_names(tmp_path) == ["Snakefile", "data/a.txt", "scripts/a.py"]
    assert list_names(tmp_path, "data") == ["Snakefile", "scripts/a.py"]


def test_links_that_lead_out_are_followed(tmp_path: Path) -> None:
    make_files(tmp_path, "elsewhere/big.txt", "top/here.txt")
    (tmp_path / "top" / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "top" / "sub").mkdir()
    (tmp_path / "top" / "sub" / "above").symlink_to("..")
    assert list_names(tmp_path / "top") == ["data/big.txt", "here.txt", "sub/above"]


def test_entries_travel_whole(tmp_path: Path) -> None:
    make_files(tmp_path, "a", "b/c")
    found = list_folder(str(tmp_path), make_filter(str(tmp_path)))
    assert decode_entries(encode_entries(found)) == tuple(found)


@pytest.mark.parametrize(
    ("named", "top"),
    [
        ([], "/home/me/p/run"),
        ([("--snakefile", "/home/me/p/run/Snakefile")], "/home/me/p/run"),
        ([("--snakefile", "/home/me/p/workflow/Snakefile")], "/home/me/p"),
        ([("--snakefile", "/data/Snakefile")], None),
        ([("--configfile", "/home/me/config.yaml")], None),
        ([("--configfile", "/home/other/config.yaml")], None),
    ],
)
def test_the_folder_that_holds_all_is_sent(named: list[tuple[str, str]], top: str | None) -> None:
    if top is not None:
        assert choose_top("/home/me/p/run", named, "/home/me") == top
        return
    with pytest.raises(BatchxError, match=f"{named[0][0]} {named[0][1]} lies outside of"):
        choose_top("/home/me/p/run", named, "/home/me")
