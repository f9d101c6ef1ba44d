"""Which size of a task on Fargate a job gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.local.platforms import FARGATE_MEMORY_MIB as LOCAL_TABLE
from snakemake_executor_plugin_batchx.plan.fargate import (
    FARGATE_MEMORY_MIB,
    FargateSize,
    fit_fargate,
    plan_storage_gib,
)
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

PAIRS = [FargateSize(vcpus, mib) for vcpus, row in FARGATE_MEMORY_MIB.items() for mib in row]


@pytest.mark.parametrize(
    ("vcpus", "memory_mib", "size"),
    [
        (0.25, 1, FargateSize(0.25, 512)),
        (0.25, 512, FargateSize(0.25, 512)),
        (0.25, 513, FargateSize(0.25, 1024)),
        (0.25, 2049, FargateSize(0.5, 3072)),
        (1, 2304, FargateSize(1, 3072)),
        (1, 256, FargateSize(1, 2048)),
        (3, 8192, FargateSize(4, 8192)),
        (1, 8193, FargateSize(2, 9216)),
        (4, 30_721, FargateSize(8, 32_768)),
        (8, 61_441, FargateSize(16, 65_536)),
        (16, 122_880, FargateSize(16, 122_880)),
        (17, 1, FargateSize(32, 61_440)),
        (1, 122_881, FargateSize(32, 249_856)),
    ],
)
def test_a_job_gets_the_next_size(vcpus: float, memory_mib: int, size: FargateSize) -> None:
    assert fit_fargate(vcpus, memory_mib) == size


@given(st.floats(0, 40), st.integers(0, 300_000))
def test_a_size_is_legal_enough_and_no_larger_than_it_must_be(vcpus: float, mib: int) -> None:
    enough = [pair for pair in PAIRS if pair.vcpus >= vcpus and pair.memory_mib >= mib]
    if not enough:
        with pytest.raises(WrongValueError):
            fit_fargate(vcpus, mib)
        return
    size = fit_fargate(vcpus, mib)
    assert size in enough
    assert not [
        pair
        for pair in enough
        if pair != size and pair.vcpus <= size.vcpus and pair.memory_mib <= size.memory_mib
    ]
    assert size.vcpus == min(pair.vcpus for pair in enough)


@pytest.mark.parametrize(("vcpus", "memory_mib"), [(33, 1), (1, 249_857), (float("nan"), 1)])
def test_what_fargate_has_not_is_refused_with_what_it_has(vcpus: float, memory_mib: int) -> None:
    with pytest.raises(WrongValueError) as caught:
        fit_fargate(vcpus, memory_mib)
    assert caught.value.reasons == (
        f"asks for {vcpus:g} vCPU and {memory_mib:,} MiB of memory, more than a task on Fargate "
        "can have: 32 vCPU and 249,856 MiB are the most, so name a queue of EC2 instances",
    )


@pytest.mark.parametrize(
    ("disk_mib", "gib"),
    [
        (None, None),
        (0, None),
        (20 * 1024, None),
        (20 * 1024 + 0.5, 21),
        (21 * 1024, 21),
        (21 * 1024 + 1, 22),
        (200 * 1024, 200),
    ],
)
def test_storage_is_asked_for_where_the_default_is_too_small(
    disk_mib: float | None, gib: int | None
) -> None:
    assert plan_storage_gib(disk_mib) == gib


@given(st.floats(0, 250 * 1024))
def test_storage_is_legal_enough_and_no_more_than_it_must_be(disk_mib: float) -> None:
    if disk_mib > 200 * 1024:
        with pytest.raises(WrongValueError):
            plan_storage_gib(disk_mib)
        return
    gib = plan_storage_gib(disk_mib)
    assert (gib or 20) * 1024 >= disk_mib
    assert gib is None or (21 <= gib <= 200 and (gib - 1) * 1024 < disk_mib)


@pytest.mark.parametrize("disk_mib", [200 * 1024 + 1, float("inf"), float("nan")])
def test_more_storage_than_fargate_has_is_refused(disk_mib: float) -> None:
    with pytest.raises(WrongValueError, match=r"200 GiB \(204,800 MiB\) is the most"):
        plan_storage_gib(disk_mib)


def test_the_embedded_batch_has_the_same_table() -> None:
    assert LOCAL_TABLE is FARGATE_MEMORY_MIB
    assert len(PAIRS) == 3 + 4 + 7 + 13 + 23 + 12 + 12 + 3
