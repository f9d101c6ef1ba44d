"""A part of a file as a stream."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.storage.checksums import Span
from snakemake_executor_plugin_batchx.storage.spans import SpanStream


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def test_it_reads_its_part_and_can_do_so_again(path: Path) -> None:
    with path.open("rb") as file, SpanStream(Span(file.fileno(), 2, 5)) as stream:
        assert (stream.read(2), stream.read(), stream.read()) == (b"23", b"456", b"")
        assert (stream.seek(-1, os.SEEK_END), stream.read()) == (4, b"6")
        assert (stream.seek(0), stream.tell(), stream.read()) == (0, 0, b"23456")


def test_zeros_stand_for_what_the_file_lost(path: Path) -> None:
    with path.open("rb") as file, SpanStream(Span(file.fileno(), 2, 5)) as stream:
        os.truncate(path, 4)
        assert stream.read() == b"23\0\0\0"


def test_it_never_reads_another_file_that_got_its_number(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    stream = SpanStream(Span(descriptor, 0, 4))
    os.close(descriptor)
    other = os.open(os.devnull, os.O_RDONLY)
    try:
        assert other == descriptor
        assert stream.read() == b"0123"
    finally:
        os.close(other)
        stream.close()
    stream.close()
    stream.seek(0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        stream.read()
