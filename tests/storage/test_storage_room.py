"""Whether a disk has room."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_batchx.storage.room import (
    FULL_BYTES,
    NoRoomError,
    check_room,
    find_free_bytes,
    find_full_disk,
)

GIB = 1024**3


@pytest.mark.parametrize(
    ("needed", "free", "words"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (GIB, 2 * GIB, ""),
        (1, 0, "What you read needs 1 B, the disk of {folder} has 0 B: "),
        (2 * GIB + 1, 2 * GIB, "needs 2.0 GiB, the disk of {folder} has 2.0 GiB: "),
        (3 * GIB, GIB // 2, "needs 3.0 GiB, the disk of {folder} has 512.0 MiB: take a larger"),
    ],
)
def test_too_little_is_told(tmp_path: Path, needed: int, free: int, words: str) -> None:
    asked: list[str] = []

    def find_free(folder: str) -> int:
        asked.append(folder)
        return free

    if not words:
        check_room(tmp_path, needed, "What you read", find_free)
    else:
        with pytest.raises(NoRoomError) as told:
            check_room(tmp_path, needed, "What you read", find_free)
        assert words.format(folder=tmp_path) in str(told.value)
    assert asked == [str(tmp_path)]


def test_the_disk_is_asked(tmp_path: Path) -> None:
    assert find_free_bytes(str(tmp_path)) > 0
    check_room(tmp_path, 1, "One byte")
    with pytest.raises(NoRoomError, match="--batchx-scratch"):
        check_room(tmp_path, 2**70, "Too much")


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (FULL_BYTES, None),
        (FULL_BYTES - 1, "no space left on device: 1024.0 KiB of 8.0 MiB are free"),
        (0, "no space left on device: 0 B of 8.0 MiB are free"),
    ],
)
def test_a_full_disk_is_told(free: int, words: str | None) -> None:
    disk = SimpleNamespace(f_frsize=1, f_blocks=8 * 1024**2, f_bfree=free, f_bavail=free)
    assert find_full_disk("/tmp", lambda _: disk) == words
