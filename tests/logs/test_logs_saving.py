"""Saved logs: whole where the job left all, and honest about what is missing."""

from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.logs.saving import GAP, SEAM, LogKeeper, SavedLog
from snakemake_executor_plugin_batchx.spec import TAIL_BYTES, Blob, Result, Usage

USAGE = Usage(1.0, 1.0, 0.1, 0.1, 0, 0, 100.0, 0)
OUTPUT = b"".join(b"%09d\n" % number for number in range(20_000))


class Kept:
    """What a job kept of its output, as a blob's content."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def fetch_blob(self, _blob: Blob, path: Path) -> None:
        path.write_bytes(self.content)


def save(folder: Path, output: bytes, kept_bytes: int | None) -> SavedLog | None:
    """Save the log of a job that wrote an output and kept so much of its beginning."""
    kept = output[: kept_bytes or 0]
    blob = None if kept_bytes is None else Blob("key", 0, len(kept), "0" * 64)
    tail = output[-TAIL_BYTES:].decode("utf-8", "replace").replace("\0", "\ufffd")
    result = Result(4, 1, 1, None, tail, (), USAGE, len(output), blob)
    return LogKeeper(folder / "run", Kept(kept)).save_result("one-000001", result)


def test_nothing_written_is_no_file(tmp_path: Path) -> None:
    assert save(tmp_path, b"", None) is None
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", [1, TAIL_BYTES])
def test_short_output_is_the_tail(tmp_path: Path, size: int) -> None:
    saved = save(tmp_path, OUTPUT[:size], None)
    assert saved == SavedLog(*[str(tmp_path / "run" / "one-000001.log")] * 2, is_whole=True)
    assert Path(saved.path).read_bytes() == OUTPUT[:size]


@pytest.mark.parametrize(
    "missing", [0, 1, TAIL_BYTES - 1, TAIL_BYTES], ids=["none", "one", "most of a tail", "a tail"]
)
def test_long_output_is_whole_where_beginning_and_tail_meet(tmp_path: Path, missing: int) -> None:
    saved = save(tmp_path, OUTPUT, len(OUTPUT) - missing)
    assert saved is not None
    assert saved.is_whole
    assert Path(saved.path).read_bytes() == OUTPUT
    assert Path(saved.shown).read_bytes() == OUTPUT[-TAIL_BYTES:]


@pytest.mark.parametrize("kept_bytes", [None, 0, 1000], ids=["lost", "none", "beginning"])
def test_what_is_missing_is_told(tmp_path: Path, kept_bytes: int | None) -> None:
    saved = save(tmp_path, OUTPUT, kept_bytes)
    assert saved is not None
    assert not saved.is_whole
    left_out = len(OUTPUT) - TAIL_BYTES - (kept_bytes or 0)
    before, gap, after = (
        Path(saved.path).read_text().partition(f"[batchx: {left_out:,} bytes are left out here]\n")
    )
    assert gap
    assert before.strip().encode() == OUTPUT[: kept_bytes or 0].strip()
    assert after.encode() == OUTPUT[-TAIL_BYTES:]
    assert Path(saved.shown).stat().st_size < TAIL_BYTES + 100


UMLAUTS = ("x" + "ü" * TAIL_BYTES).encode()
"""Its tail begins within a character."""


@pytest.mark.parametrize("missing", [1, 2, 3, TAIL_BYTES - 1])
def test_a_cut_within_a_character_loses_and_repeats_nothing(tmp_path: Path, missing: int) -> None:
    text = UMLAUTS + b"."
    saved = save(tmp_path, text, len(text) - missing)
    assert saved is not None
    assert saved.is_whole
    assert Path(saved.path).read_bytes() == text


BINARY = b"".join(b"line %d \xff\xfe\0\n" % number for number in range(20_000))


@pytest.mark.parametrize(
    ("missing", "between"),
    [
        (1, b""),
        (2, SEAM.encode()),
        (30_000, SEAM.encode()),
        (TAIL_BYTES, b""),
        (TAIL_BYTES + 1000, GAP.format(count=1000).encode()),
    ],
)
def test_of_output_that_is_no_text_nothing_is_lost(
    tmp_path: Path, missing: int, between: bytes
) -> None:
    saved = save(tmp_path, BINARY, len(BINARY) - missing)
    assert saved is not None
    assert saved.is_whole is (missing <= TAIL_BYTES)
    before, text = BINARY[:-missing], Path(saved.path).read_bytes()
    tail = b"\n" if missing == 1 else Path(saved.shown).read_bytes()
    assert text == before + between + tail
