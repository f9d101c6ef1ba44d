"""Jobs that no instance of a queue could ever run are refused, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.capacity import iter_capacity_reasons
from snakemake_executor_plugin_batchx.plan.instance_sizes import (
    IN_EVERY_BUNDLE,
    RESERVED_MIB,
    SMALL,
    InstanceSize,
    find_shortage,
    is_worth_asking,
    make_type_patterns,
)
from snakemake_executor_plugin_batchx.plan.platform import Platform, find_instance_types
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

M5 = InstanceSize("m5.4xlarge", 16, 65_536)
R5 = InstanceSize("r5.2xlarge", 8, 131_072)
G5 = InstanceSize("g5.xlarge", 4, 16_384, 1)
ANOTHER = "or name another queue (batchx_queue)"


def list_reasons(
    vcpus: float, memory_mib: int, gpus: int = 0, *sizes: InstanceSize, most: float | None = None
) -> list[str]:
    platform = Platform("q", max_vcpus=most, instance_sizes=sizes or None)
    return list(iter_capacity_reasons(BatchResources(vcpus, memory_mib, gpus), platform))


@pytest.mark.parametrize(
    ("vcpus", "memory_mib", "gpus", "reason"),
    [
        (
            128,
            1000,
            0,
            "it asks for 128 vCPU, but the largest instance type of queue q is m5.4xlarge with 16 "
            f"vCPU: lower threads, {ANOTHER}",
        ),
        (
            1,
            131_072,
            0,
            "it asks for 131072 MiB of memory, but the largest instance type of queue q is "
            "r5.2xlarge with 131040 MiB for jobs (131072 MiB, of which ECS keeps some): lower "
            f"mem_mb, {ANOTHER}",
        ),
        (
            1,
            1000,
            2,
            "it asks for 2 GPUs, but the largest instance type of queue q is g5.xlarge with 1 "
            f"GPU: lower gpu, {ANOTHER}",
        ),
        (
            8,
            1000,
            1,
            "it asks for 8 vCPU, 1000 MiB of memory and 1 GPU, but no instance type of queue q "
            f"has all of that at once: lower threads, mem_mb or gpu, {ANOTHER}",
        ),
        (
            16,
            100_000,
            0,
            "it asks for 16 vCPU and 100000 MiB of memory, but no instance type of queue q has "
            f"all of that at once: lower threads or mem_mb, {ANOTHER}",
        ),
    ],
)
def test_what_finds_no_room_is_told_with_the_largest_type(
    vcpus: float, memory_mib: int, gpus: int, reason: str
) -> None:
    assert list_reasons(vcpus, memory_mib, gpus, M5, R5, G5) == [reason]


@pytest.mark.parametrize(
    ("vcpus", "memory_mib", "gpus"),
    [(16, 65_536 - RESERVED_MIB, 0), (8, 131_072 - RESERVED_MIB, 0), (4, 16_000, 1), (0.25, 4, 0)],
)
def test_what_fits_one_type_is_fine(vcpus: float, memory_mib: int, gpus: int) -> None:
    assert list_reasons(vcpus, memory_mib, gpus, M5, R5, G5) == []


def test_where_no_type_is_known_nothing_is_said() -> None:
    assert list_reasons(10_000, 10_000_000, 100) == []
    assert find_shortage("q", 10_000, 10_000_000, 100, ()) is None


def test_a_job_above_maxvcpus_is_told_of_that_alone() -> None:
    assert list_reasons(128, 1000, 0, M5, most=96) == [
        "it asks for 128 vCPU, but maxvCpus of the compute environments of queue q is 96 at most: "
        f"lower threads, raise maxvCpus, {ANOTHER}"
    ]
    assert list_reasons(96, 1000, most=96) == []


sizes = st.builds(
    InstanceSize,
    st.just("m5.large"),
    st.integers(1, 192),
    st.integers(512, 2_000_000),
    st.integers(0, 16),
)


@given(
    st.integers(1, 256), st.integers(4, 3_000_000), st.integers(0, 17), st.lists(sizes, min_size=1)
)
def test_there_is_a_shortage_just_where_no_type_has_room(
    vcpus: int, memory_mib: int, gpus: int, found: list[InstanceSize]
) -> None:
    has_room = any(
        each.vcpus >= vcpus and each.memory_mib - RESERVED_MIB >= memory_mib and each.gpus >= gpus
        for each in found
    )
    shortage = find_shortage("q", vcpus, memory_mib, gpus, found)
    assert (shortage is None) == has_room


@pytest.mark.parametrize(
    ("types", "size", "is_worth"),
    [
        (["m5.large"], SMALL, False),
        (["m5"], InstanceSize("", 4, 1000), True),
        (["m5"], InstanceSize("", 1, 1000, 1), True),
        (["optimal", "m5.large"], InstanceSize("", 64, 100_000), False),
        (["default_arm64"], IN_EVERY_BUNDLE, False),
        (["optimal"], InstanceSize("", 65, 1000), True),
    ],
)
def test_ec2_is_asked_only_where_a_job_may_be_too_large(
    types: list[str], size: InstanceSize, is_worth: bool
) -> None:
    asked = size.vcpus, min(size.memory_mib, size.job_memory_mib), size.gpus
    assert is_worth_asking(types, *asked) is is_worth


@pytest.mark.parametrize(
    ("name", "patterns"),
    [("m5.large", ("m5.large",)), ("m5", ("m5.*",)), ("optimal", ("c*", "m*", "r*"))],
)
def test_what_a_name_stands_for(name: str, patterns: tuple[str, ...]) -> None:
    assert make_type_patterns(name) == patterns


@pytest.mark.parametrize(
    ("environments", "types"),
    [
        ([{"computeResources": {"instanceTypes": ["m5", "c5"]}}], {"m5", "c5"}),
        (
            [
                {"computeResources": {"instanceTypes": ["m5"]}},
                {"computeResources": {"instanceTypes": ["optimal"]}},
            ],
            {"m5", "optimal"},
        ),
        ([{"computeResources": {"instanceTypes": ["m5"]}}, {"type": "UNMANAGED"}], None),
        ([{"computeResources": {"type": "FARGATE", "maxvCpus": 9}}], None),
    ],
)
def test_the_types_of_a_queue(environments: list[dict[str, object]], types: set[str]) -> None:
    found = find_instance_types(environments)
    assert found == (None if types is None else frozenset(types))
