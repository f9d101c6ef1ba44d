"""How objects are cut: everything once, in order, and as S3 takes it."""

from hypothesis import example, given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.storage.parts import (
    COPY_PART_BYTES,
    MAX_PARTS,
    READ_PART_BYTES,
    SEND_PART_BYTES,
    choose_part_bytes,
    iter_parts,
)

MIB = 1024**2
LEAST_PART_BYTES = 5 * MIB
LARGEST_PART_BYTES = 5 * 1024**3
LARGEST_BYTES = MAX_PARTS * LARGEST_PART_BYTES
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

LIMITS = [MAX_PARTS * least for least in (SEND_PART_BYTES, COPY_PART_BYTES)]


@given(st.integers(1, LARGEST_BYTES), st.sampled_from([SEND_PART_BYTES, COPY_PART_BYTES]))
@example(LARGEST_BYTES, SEND_PART_BYTES)
@example(LIMITS[0], SEND_PART_BYTES)
@example(LIMITS[0] + 1, SEND_PART_BYTES)
@example(LIMITS[1] + 1, COPY_PART_BYTES)
def test_parts_are_what_s3_takes(size: int, least: int) -> None:
    parts = list(iter_parts(size, choose_part_bytes(size, least)))
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert len(parts) <= MAX_PARTS
    assert all(LEAST_PART_BYTES <= part.size <= LARGEST_PART_BYTES for part in parts[:-1])
    assert len({part.size for part in parts[:-1]}) <= 1
    assert 0 < parts[-1].size <= LARGEST_PART_BYTES


@given(st.integers(0, 200 * MIB), st.integers(MIB, 10 * MIB) | st.just(READ_PART_BYTES))
def test_parts_cover_all_once_in_order(size: int, part_bytes: int) -> None:
    end = 0
    for part in iter_parts(size, part_bytes):
        assert part.offset == end
        assert part.http_range == f"bytes={end}-{end + part.size - 1}"
        end += part.size
    assert end == size


@given(st.integers(0, MAX_PARTS * SEND_PART_BYTES))
def test_parts_are_no_larger_than_they_need_be(size: int) -> None:
    assert choose_part_bytes(size, SEND_PART_BYTES) == SEND_PART_BYTES
