"""What travels between head and job: a JSON header followed by any number of byte ranges.

A reader needs the first kilobytes and then the ranges it wants, so an array child reads its own
spec, and a later job its input from an earlier job's result, without moving the rest.

Standard library only: this module runs on both sides.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAGIC = b"batchx1 "
PREFIX_BYTES = len(MAGIC) + 12 + 1  # magic, twelve digits of header length, newline

FIRST_READ_BYTES = 64 * 1024  # asked for before the header's length is known


def make_packet(header: Mapping[str, Any], parts: Sequence[bytes]) -> bytes:
    """Join a JSON header and byte ranges into one object.

    The header gets a key `parts` with offset and length of each range, counted from the end of
    the header (`get_body_offset` tells where that is).
    """
    spans, offset = [], 0
    for part in parts:
        spans.append([offset, len(part)])
        offset += len(part)
    text = json.dumps({**header, "parts": spans}, separators=(",", ":")).encode()
    return b"".join([MAGIC, b"%012d\n" % len(text), text, *parts])


def get_body_offset(first_bytes: bytes) -> int:
    """Return where the ranges of a packet begin, from its first bytes.

    Raises ValueError where the bytes are not the start of a packet of this version.
    """
    if len(first_bytes) < PREFIX_BYTES or not first_bytes.startswith(MAGIC):
        raise ValueError("not a batchx packet, or one of another version")
    return PREFIX_BYTES + int(first_bytes[len(MAGIC) : PREFIX_BYTES - 1])


@dataclass(frozen=True)
class Packet:
    """An opened packet: its header, and a way to read its ranges."""

    header: dict[str, Any]
    body_offset: int
    read_range: Callable[[int, int], bytes]

    def read_part(self, index: int) -> bytes:
        """Return one of the packet's ranges; raises IndexError where there is none."""
        offset, size = self.header["parts"][index]
        return self.read_range(self.body_offset + offset, size) if size else b""


def open_packet(read_range: Callable[[int, int], bytes]) -> Packet:
    """Open a packet through `read_range(offset, size)`, which may return fewer bytes at the end.

    What the first read brought is not read again, so a small packet costs one request.
    """
    first = read_range(0, FIRST_READ_BYTES)
    body_offset = get_body_offset(first)
    if body_offset > len(first):
        first += read_range(len(first), body_offset - len(first))
    is_whole = len(first) < FIRST_READ_BYTES

    def read(offset: int, size: int) -> bytes:
        if is_whole or offset + size <= len(first):
            return first[offset : offset + size]
        return read_range(offset, size)

    return Packet(json.loads(first[PREFIX_BYTES:body_offset]), body_offset, read)
