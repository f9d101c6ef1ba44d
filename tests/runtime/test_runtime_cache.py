"""The cache of runtimes: whole entries only, shared by processes, and not growing for ever."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.cache import (
    ABANDONED_SECONDS,
    KEPT,
    UNUSED_SECONDS,
    find_cache_dir,
    open_entry,
    remove_old,
)

NOW = 2e9


def make_entry(folder: Path, name: str, age_seconds: float) -> Path:
    entry = folder / name
    entry.mkdir()
    (entry / "file").touch()
    os.utime(entry, (NOW - age_seconds, NOW - age_seconds))
    return entry


def break_off(entry: Path) -> None:
    with open_entry(entry) as part:
        (part / "file").touch()
        assert not entry.exists()
        raise ValueError("half")


def test_where() -> None:
    assert find_cache_dir({"HOME": "/home/me"}) == Path("/home/me/.cache/batchx")
    assert find_cache_dir({"HOME": "/home/me", "XDG_CACHE_HOME": "/c"}) == Path("/c/batchx")


def test_entry_is_whole_or_not_there(tmp_path: Path) -> None:
    entry = tmp_path / "base-1"
    with pytest.raises(ValueError, match="half"):
        break_off(entry)
    assert list(tmp_path.iterdir()) == []
    with open_entry(entry) as part:
        (part / "file").touch()
    assert [path.name for path in entry.iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [entry]


def test_entry_is_replaced(tmp_path: Path) -> None:
    entry = make_entry(tmp_path, "base-1", 0)
    with (entry / "file").open(), open_entry(entry) as part:
        (part / "new").touch()
    assert [path.name for path in entry.iterdir()] == ["new"]
    (aside,) = set(tmp_path.iterdir()) - {entry}
    assert (aside / "gone" / "file").exists()  # a container may have it mounted
    os.utime(aside, (NOW, NOW))
    remove_old(tmp_path, "base", NOW + ABANDONED_SECONDS + 1)
    assert list(tmp_path.iterdir()) == [entry]


def test_old_entries_go(tmp_path: Path) -> None:
    old = [make_entry(tmp_path, f"base-{n}", UNUSED_SECONDS + n + 1) for n in range(KEPT + 2)]
    recent = make_entry(tmp_path, "base-recent", 60)
    other = make_entry(tmp_path, "own-old", 2 * UNUSED_SECONDS)
    abandoned = make_entry(tmp_path, "base-9.part-x", ABANDONED_SECONDS + 1)
    at_work = make_entry(tmp_path, "base-9.part-y", 60)
    remove_old(tmp_path, "base", NOW)
    kept = {recent, other, at_work, *old[: KEPT - 1]}
    assert set(tmp_path.iterdir()) == kept
    assert abandoned not in kept


def test_few_entries_stay(tmp_path: Path) -> None:
    entries = {make_entry(tmp_path, f"base-{n}", 9 * UNUSED_SECONDS) for n in range(KEPT)}
    remove_old(tmp_path, "base", NOW)
    assert set(tmp_path.iterdir()) == entries
