"""Sizes in docker's units become whole MiB, and it is said what they became."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.sizes import MAX_NUMBER, UNIT_BYTES, parse_docker_mib
from snakemake_executor_plugin_batchx.plan.values import WrongValueError


@pytest.mark.parametrize(
    ("text", "mib", "note"),
    [
        ("256m", 256, "256m is 256 MiB"),
        ("1g", 1024, "1g is 1024 MiB"),
        ("1G", 1024, "1G is 1024 MiB"),
        ("2gb", 2048, "2gb is 2048 MiB"),
        ("2 GiB", 2048, "2 GiB is 2048 MiB"),
        ("1t", 1024**2, "1t is 1048576 MiB"),
        ("65536k", 64, "65536k is 64 MiB"),
        ("1.5g", 1536, "1.5g is 1536 MiB"),
        ("1048576b", 1, "1048576b is 1 MiB"),
        ("1500k", 2, "1500k is 2 MiB, rounded up"),
        ("1b", 1, "1b is 1 MiB, rounded up"),
        ("1000", 1000, "1000 is taken as 1000 MiB (docker would take bytes)"),
        ("1.5", 2, "1.5 is taken as 2 MiB, rounded up (docker would take bytes)"),
        ("0", 0, "0 is taken as 0 MiB (docker would take bytes)"),
        ("64MiB", 64, None),
        ("0.5mib", 1, "0.5mib is 1 MiB, rounded up"),
    ],
)
def test_a_size_and_what_it_became(text: str, mib: int, note: str | None) -> None:
    size = parse_docker_mib(text)
    assert (size.mib, size.note) == (mib, note)


@pytest.mark.parametrize(
    "text",
    ["", "m", "-1", "-1m", "1x", "1bb", "1ib", "1kk", "1 mi", "1e3", "50%", "١m", "1,5g", ".m"],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(WrongValueError, match="must be a size such as 512m or 2g"):
        parse_docker_mib(text)


@pytest.mark.parametrize("text", ["2147483648", "2048t", "999999999999999999t"])
def test_more_than_batch_can_be_told_is_refused(text: str) -> None:
    with pytest.raises(WrongValueError, match="must be at most 2147483647 MiB"):
        parse_docker_mib(text)


@given(st.integers(0, 10**9), st.sampled_from("bkmgt"), st.sampled_from(["", "b", "iB"]))
def test_a_size_is_never_below_what_was_asked_nor_a_mib_above(
    number: int, unit: str, suffix: str
) -> None:
    asked = number * UNIT_BYTES[unit]
    if asked > MAX_NUMBER * UNIT_BYTES["m"]:
        with pytest.raises(WrongValueError):
            parse_docker_mib(f"{number}{unit}")
        return
    size = parse_docker_mib(f"{number}{unit}{'' if unit == 'b' else suffix}")
    assert 0 <= size.mib * UNIT_BYTES["m"] - asked < UNIT_BYTES["m"]
