"""Snakemake's resources in Batch's terms."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.resources import (
    DEFAULT_MEMORY_MIB,
    DEFAULT_OVERHEAD_MIB,
    BatchResources,
    Demand,
    Template,
    plan_resources,
    read_demand,
)
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

EC2 = Platform("queue")
FARGATE = Platform("serverless", is_fargate=True, architecture=None)

DEFAULT = BatchResources(1, DEFAULT_MEMORY_MIB + 256, overhead_mib=256)


def plan(resources: Mapping[str, Any], platform: Platform = EC2) -> BatchResources:
    planned, _ = plan_resources(read_demand(resources, "Rule map"), platform)
    return planned


def list_reasons(demand: Demand, platform: Platform = EC2, **more: Any) -> tuple[str, ...]:
    with pytest.raises(WrongValueError) as caught:
        plan_resources(demand, platform, **more)
    return caught.value.reasons


def test_the_defaults() -> None:
    assert (DEFAULT_MEMORY_MIB, DEFAULT_OVERHEAD_MIB) == (2048, 256)


@pytest.mark.parametrize(
    ("resources", "planned"),
    [
        ({}, DEFAULT),
        ({"_cores": 4, "mem_mib": 4096}, replace(DEFAULT, vcpus=4, memory_mib=4096 + 256)),
        ({"mem_mb": 1000}, replace(DEFAULT, memory_mib=954 + 256)),
        ({"mem_mb": 1_048_576}, replace(DEFAULT, memory_mib=1_000_000 + 256)),
        ({"mem_mb": 1000, "mem_mib": 954}, replace(DEFAULT, memory_mib=954 + 256)),
        ({"mem_mib": 100.2}, replace(DEFAULT, memory_mib=101 + 256)),
        ({"_cores": 1.5}, replace(DEFAULT, vcpus=2)),
        ({"gpu": 2}, replace(DEFAULT, gpus=2)),
        ({"gpu": 2, "gpu_model": "a100"}, replace(DEFAULT, gpus=2)),
        ({"gpu": 0}, DEFAULT),
        ({"runtime": 90}, replace(DEFAULT, timeout_seconds=5400)),
        ({"runtime": 0.5}, replace(DEFAULT, timeout_seconds=60)),
        ({"disk_mb": 1000}, replace(DEFAULT, disk_mib=954)),
        ({"disk_mb": 1000, "disk_mib": 953.1}, replace(DEFAULT, disk_mib=954)),
        ({"disk_mb": "<TBD>", "tmpdir": "/tmp"}, DEFAULT),
        ({"mem_mb": "<TBD>", "runtime": "<TBD>", "_nodes": 1}, DEFAULT),
    ],
)
def test_resources_are_translated(resources: Mapping[str, Any], planned: BatchResources) -> None:
    assert plan(resources) == planned


@pytest.mark.parametrize(
    ("resources", "shown"),
    [
        ({"mem_mb": -1}, "mem_mb=-1"),
        ({"mem_mb": 0}, "mem_mb=0"),
        ({"mem_mib": "4 GB"}, "mem_mib='4 GB'"),
        ({"mem_mb": True}, "mem_mb=True"),
        ({"mem_mb": math.nan}, "mem_mb=nan"),
        ({"runtime": math.inf}, "runtime=inf"),
        ({"runtime": 0}, "runtime=0"),
        ({"_cores": 0}, "threads=0"),
        ({"mem_mib": 10, "mem_mb": "x"}, "mem_mb='x'"),
        ({"disk_mb": "50 GB"}, "disk_mb='50 GB'"),
    ],
)
def test_what_is_no_positive_number_is_refused_by_name(
    resources: Mapping[str, Any], shown: str
) -> None:
    with pytest.raises(BatchxError) as caught:
        read_demand(resources, "Rule map")
    assert str(caught.value) == f"Rule map: resource {shown} must be a positive number."


@pytest.mark.parametrize("value", [-1, math.nan, True, "two"])
def test_of_gpus_there_may_be_none_but_no_fewer(value: object) -> None:
    with pytest.raises(BatchxError) as caught:
        read_demand({"gpu": value}, "Rule map")
    assert str(caught.value) == f"Rule map: resource gpu={value!r} must be 0 or a positive number."


@pytest.mark.parametrize("value", [7, "", True, ["a100"]])
def test_a_gpus_model_is_a_text(value: Any) -> None:
    with pytest.raises(BatchxError) as caught:
        read_demand({"gpu": 1, "gpu_model": value}, "Rule map")
    assert str(caught.value) == (
        f"Rule map: resource gpu_model={value!r} must be a text such as 'a100'."
    )


def test_all_that_is_wrong_is_told_together() -> None:
    with pytest.raises(BatchxError) as caught:
        read_demand({"mem_mb": "x", "runtime": 0, "gpu_model": 7}, "Rule map")
    told = {line.split()[3].partition("=")[0] for line in str(caught.value).splitlines()}
    assert told == {"mem_mb", "runtime", "gpu_model"}


@given(
    st.integers(1, 256),
    st.floats(0.001, 1e7),
    st.floats(0.001, 1e6),
    st.sampled_from(("mem_mb", "mem_mib")),
)
def test_a_job_never_gets_less_than_it_asks_for(
    threads: int, memory: float, minutes: float, unit: str
) -> None:
    planned = plan({"_cores": threads, unit: memory, "runtime": minutes})
    unit_bytes = {"mem_mb": 10**6, "mem_mib": 2**20}[unit]
    assert planned.vcpus >= threads
    assert (planned.memory_mib - DEFAULT_OVERHEAD_MIB) * 2**20 >= memory * unit_bytes * (1 - 1e-9)
    assert planned.timeout_seconds is not None
    assert planned.timeout_seconds >= max(60, minutes * 60 - 0.5)


@given(st.integers(1, 16), st.floats(0.001, 1e5), st.floats(0.001, 2e5))
def test_nor_does_it_on_fargate(threads: int, memory: float, disk: float) -> None:
    resources = {"_cores": threads, "mem_mib": memory, "disk_mib": disk}
    planned = plan(resources, FARGATE)
    assert planned.vcpus >= threads
    assert planned.memory_mib - DEFAULT_OVERHEAD_MIB >= memory
    assert planned.disk_mib is None
    # 20 GiB are there without asking for them.
    assert (planned.storage_gib or 20) * 1024 >= disk


def test_a_runtime_below_a_minute_becomes_one_and_that_is_told() -> None:
    _, notes = plan_resources(Demand(minutes=0.5), EC2)
    assert notes == ["runtime of 30 s becomes 60 s, the least on Batch"]
    assert plan_resources(Demand(minutes=1), EC2)[1] == []


def test_the_next_size_of_fargate_is_told() -> None:
    planned, notes = plan_resources(Demand(threads=3, memory_mib=9000), FARGATE)
    assert (planned.vcpus, planned.memory_mib, planned.overhead_mib) == (4, 10240, 256)
    assert notes == [
        "3 vCPU with 9256 MiB becomes 4 vCPU with 10240 MiB, the next size that Fargate has"
    ]
    planned, notes = plan_resources(Demand(threads=4, memory_mib=8192 - 256), FARGATE)
    assert (planned.vcpus, planned.memory_mib, notes) == (4, 8192, [])


@pytest.mark.parametrize("overhead", [0, 512])
def test_the_overhead_is_added_to_what_a_rule_names_or_not(overhead: int) -> None:
    planned, _ = plan_resources(Demand(memory_mib=1000), EC2, overhead)
    assert (planned.memory_mib, planned.overhead_mib) == (1000 + overhead, overhead)


def test_batch_gives_no_job_less_than_four_mib() -> None:
    assert plan_resources(Demand(memory_mib=4), EC2, 0)[0].memory_mib == 4
    assert list_reasons(Demand(memory_mib=3), overhead_mib=0) == (
        "mem_mb is 3 MiB with an overhead of 0 MiB, but Batch gives a job 4 MiB at least: raise "
        "mem_mb",
    )


THEIRS = Template(vcpus=8, memory_mib=16384, gpus=1)


@pytest.mark.parametrize(
    ("demand", "planned"),
    [
        (Demand(), BatchResources(8, 16384, gpus=1)),
        (Demand(threads=2), BatchResources(2, 16384, gpus=1)),
        (Demand(memory_mib=100), BatchResources(8, 356, gpus=1, overhead_mib=256)),
        (Demand(gpus=2), BatchResources(8, 16384, gpus=2)),
    ],
)
def test_a_definition_of_the_users_counts_where_a_rule_names_nothing(
    demand: Demand, planned: BatchResources
) -> None:
    assert plan_resources(demand, EC2, template=THEIRS) == (planned, [])


def test_what_a_definition_has_of_gpus_no_rule_takes_away() -> None:
    with pytest.raises(WrongValueError) as caught:
        plan_resources(Demand(gpus=0), EC2, template=THEIRS)
    assert caught.value.reasons == (
        "gpu=0 cannot take away the GPU of its job definition: name another",
    )


WITH_GPUS = replace(EC2, gpu_models=frozenset({"a100", "t4"}))
NO_GPUS = replace(EC2, gpu_models=frozenset())


@pytest.mark.parametrize(
    ("demand", "platform", "reason"),
    [
        (
            Demand(gpu_model="a100"),
            WITH_GPUS,
            "gpu_model='a100' is named without a number of GPUs: add gpu=1",
        ),
        (
            Demand(gpus=1),
            FARGATE,
            "gpu=1 is asked of queue serverless, but Fargate has no GPUs: name a queue on EC2 "
            "(batchx_queue)",
        ),
        (
            Demand(gpus=2),
            NO_GPUS,
            "gpu=2 is asked of queue queue, whose instance types have no GPUs: name another "
            "(batchx_queue)",
        ),
        (
            Demand(gpus=1, gpu_model="h100"),
            WITH_GPUS,
            "gpu_model='h100' is asked of queue queue, whose instances have a100, t4: name another "
            "(batchx_queue)",
        ),
    ],
)
def test_gpus_that_a_queue_has_not_are_refused(
    demand: Demand, platform: Platform, reason: str
) -> None:
    assert list_reasons(demand, platform) == (reason,)


@pytest.mark.parametrize(
    "platform",
    [
        WITH_GPUS,
        replace(WITH_GPUS, gpu_models=None),
        replace(NO_GPUS, local_runner="docker"),
        replace(NO_GPUS, local_runner="process"),
    ],
)
def test_gpus_that_may_be_there_are_asked_for(platform: Platform) -> None:
    planned, _ = plan_resources(Demand(gpus=1, gpu_model="a100"), platform)
    assert planned.gpus == 1


def test_requirements_are_texts_and_name_no_gpu_that_is_not_wanted() -> None:
    assert BatchResources(2, 512).make_requirements() == [
        {"type": "VCPU", "value": "2"},
        {"type": "MEMORY", "value": "512"},
    ]
    assert BatchResources(2, 512, gpus=1).make_requirements()[2] == {"type": "GPU", "value": "1"}
    assert BatchResources(0.25, 512).make_requirements()[0] == {"type": "VCPU", "value": "0.25"}


@pytest.mark.parametrize(
    ("resources", "shown"),
    [
        (BatchResources(2, 512), "2 vCPU, 512 MiB"),
        (BatchResources(0.25, 512), "0.25 vCPU, 512 MiB"),
        (
            BatchResources(2, 768, gpus=1, overhead_mib=256),
            "2 vCPU, 1 GPU, 768 MiB (256 of them for batchx itself)",
        ),
        (BatchResources(4, 8192, storage_gib=30), "4 vCPU, 8192 MiB, 30 GiB of storage"),
    ],
)
def test_users_are_told_what_a_job_asks_for(resources: BatchResources, shown: str) -> None:
    assert str(resources) == shown
