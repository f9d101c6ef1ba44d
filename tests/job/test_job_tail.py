"""The tail: all goes on, the end is kept."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.job.kept_output import KeptOutput
from snakemake_executor_plugin_batchx.job.tail import TailPump
from snakemake_executor_plugin_batchx.spec import TAIL_BYTES

DEADLINE_SECONDS = 60


def pump_chunks(
    chunks: list[bytes], path: Path = Path(os.devnull), kept_bytes: int = 0
) -> tuple[bytes, str]:
    """Return what is forwarded and the tail, for these writes to the pipe."""
    forwarded: list[bytes] = []
    pump = TailPump(forwarded.append, KeptOutput(path, kept_bytes))
    pump.start()
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            view = view[os.write(pump.write_fd, view) :]
    pump.close_writer()
    tail = pump.finish(DEADLINE_SECONDS)
    return b"".join(forwarded), tail


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [b"short\n"],
        [b"one\n", b"two\n"],
        [b"a" * TAIL_BYTES],
        [b"a" * TAIL_BYTES, b"b"],
        [b"%07d\n" % n for n in range(3 * TAIL_BYTES // 8)],
        [b"%07d\n" % n * 10_000 for n in range(10)],
    ],
    ids=["nothing", "short", "two", "exactly", "one over", "lines", "blocks"],
)
def test_all_is_forwarded_and_the_end_is_kept(chunks: list[bytes]) -> None:
    everything = b"".join(chunks)
    forwarded, tail = pump_chunks(chunks)
    assert forwarded == everything
    assert tail == everything[-TAIL_BYTES:].decode()


@pytest.mark.parametrize(
    ("data", "tail"),
    [
        ("größe".encode(), "größe"),
        (b"caf\xe9", "caf\ufffd"),
        (b"a\0b", "a\ufffdb"),
        ("ü".encode() * TAIL_BYTES + b"!", "\ufffd" + "ü" * (TAIL_BYTES // 2 - 1) + "!"),
    ],
    ids=["utf-8", "latin-1", "nul", "cut within a letter"],
)
def test_a_tail_is_text_whatever_a_tool_writes(data: bytes, tail: str) -> None:
    assert pump_chunks([data])[1] == tail


def test_who_keeps_the_pipe_open_is_not_waited_for() -> None:
    forwarded: list[bytes] = []
    pump = TailPump(forwarded.append, KeptOutput(Path(os.devnull), 0))
    left_open = os.dup(pump.write_fd)
    pump.start()
    pump.close_writer()
    assert pump.finish(0.01) == ""
    os.write(left_open, b"late")
    os.close(left_open)
    assert pump.finish(DEADLINE_SECONDS) == "late"


@pytest.mark.parametrize("kept_bytes", [0, 1, 9_999, 10_000, 10_001, 1_000_000])
def test_the_beginning_goes_to_a_file_too(tmp_path: Path, kept_bytes: int) -> None:
    chunks = [b"%09d\n" % number * 100 for number in range(10)]
    forwarded, _ = pump_chunks(chunks, tmp_path / "output", kept_bytes)
    assert forwarded == b"".join(chunks)
    assert (tmp_path / "output").read_bytes() == forwarded[:kept_bytes]
