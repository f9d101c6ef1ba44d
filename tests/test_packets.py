"""Packets: what goes in comes out, in as few reads as promised."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.packets import (
    FIRST_READ_BYTES,
    MAGIC,
    PREFIX_BYTES,
    get_body_offset,
    make_packet,
    open_packet,
)

texts = st.text(max_size=12)


def make_reader(data: bytes) -> tuple[Callable[[int, int], bytes], list[tuple[int, int]]]:
    """Return a reader of `data`, and the list of the reads made through it."""
    reads: list[tuple[int, int]] = []

    def read_range(offset: int, size: int) -> bytes:
        reads.append((offset, size))
        return data[offset : offset + size]

    return read_range, reads


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
headers = st.dictionaries(texts.filter(lambda key: key != "parts"), json_values, max_size=4)


@given(headers, st.lists(st.binary(max_size=300), max_size=6))
def test_a_small_packet_is_read_whole_in_one_request(
    header: dict[str, Any], parts: list[bytes]
) -> None:
    read_range, reads = make_reader(make_packet(header, parts))
    packet = open_packet(read_range)
    assert {k: v for k, v in packet.header.items() if k != "parts"} == header
    assert [packet.read_part(index) for index in range(len(parts))] == parts
    assert reads == [(0, FIRST_READ_BYTES)]


@pytest.mark.parametrize("header_bytes", [0, FIRST_READ_BYTES - 200, FIRST_READ_BYTES * 3])
@pytest.mark.parametrize("part_bytes", [1, 500, FIRST_READ_BYTES, FIRST_READ_BYTES * 2])
def test_a_large_packet_gives_each_part_alone(header_bytes: int, part_bytes: int) -> None:
    parts = [b"a" * part_bytes, b"", b"c" * part_bytes]
    data = make_packet({"pad": "x" * header_bytes}, parts)
    read_range, reads = make_reader(data)
    packet = open_packet(read_range)
    assert packet.header["pad"] == "x" * header_bytes
    assert packet.body_offset == get_body_offset(data)
    opening_reads = len(reads)
    assert opening_reads <= 2
    assert packet.read_part(2) == parts[2]
    assert len(reads) <= opening_reads + 1
    assert packet.read_part(1) == b""
    assert packet.read_part(0) == parts[0]
    assert sum(size for _, size in reads[opening_reads:]) <= 2 * part_bytes


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_packet_about_as_long_as_the_first_read_loses_nothing(extra: int) -> None:
    bare = len(make_packet({}, [b"x" * 60_000]))
    part = b"x" * (60_000 + FIRST_READ_BYTES - bare + extra)
    data = make_packet({}, [part])
    assert len(data) == FIRST_READ_BYTES + extra
    packet = open_packet(make_reader(data)[0])
    assert packet.read_part(0) == part


def test_a_part_that_is_not_there_is_an_index_error() -> None:
    packet = open_packet(make_reader(make_packet({}, [b"only"]))[0])
    with pytest.raises(IndexError):
        packet.read_part(1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<?xml version='1.0'?><Error/>",
        MAGIC,
        MAGIC + b"00000000000",
        MAGIC + b"0000000000xx\n",
        b"batchx2 000000000002\n{}",
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"batchx packet|invalid literal"):
        open_packet(make_reader(data)[0])


def test_the_layout_on_the_wire() -> None:
    data = make_packet({"a": 1}, [b"xy", b"", b"z"])
    text = b'{"a":1,"parts":[[0,2],[2,0],[2,1]]}'
    assert data == b"batchx1 %012d\n" % len(text) + text + b"xyz"
    assert get_body_offset(data) == PREFIX_BYTES + len(text)
