"""Snakemake's resources in Batch's terms."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.resources import (
    DEFAULT_MEMORY_MIB,
    RUNTIME_OVERHEAD_MIB,
    BatchResources,
    plan_resources,
)


@pytest.mark.parametrize(
    ("resources", "planned"),
    [
        ({}, BatchResources(1, DEFAULT_MEMORY_MIB + 256)),
        ({"_cores": 4, "mem_mib": 4096}, BatchResources(4, 4096 + 256)),
        ({"mem_mb": 1000}, BatchResources(1, 954 + 256)),
        ({"mem_mb": 1_048_576}, BatchResources(1, 1_000_000 + 256)),
        ({"mem_mb": 1000, "mem_mib": 954}, BatchResources(1, 954 + 256)),
        ({"mem_mib": 100.2}, BatchResources(1, 101 + 256)),
        ({"_cores": 1.5}, BatchResources(2, DEFAULT_MEMORY_MIB + 256)),
        ({"gpu": 2}, BatchResources(1, DEFAULT_MEMORY_MIB + 256, gpus=2)),
        ({"gpu": 0}, BatchResources(1, DEFAULT_MEMORY_MIB + 256)),
        ({"runtime": 90}, BatchResources(1, DEFAULT_MEMORY_MIB + 256, timeout_seconds=5400)),
        ({"runtime": 0.5}, BatchResources(1, DEFAULT_MEMORY_MIB + 256, timeout_seconds=60)),
        ({"disk_mb": "<TBD>", "tmpdir": "/tmp"}, BatchResources(1, DEFAULT_MEMORY_MIB + 256)),
    ],
)
def test_resources_are_translated(resources: Mapping[str, Any], planned: BatchResources) -> None:
    assert plan_resources(resources, "Rule map") == planned


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
        ({"gpu": -1}, "gpu=-1"),
        ({"_cores": 0}, "threads=0"),
        ({"mem_mib": 10, "mem_mb": "x"}, "mem_mb='x'"),
    ],
)
def test_what_is_no_positive_number_is_refused_by_name(
    resources: Mapping[str, Any], shown: str
) -> None:
    with pytest.raises(BatchxError) as caught:
        plan_resources(resources, "Rule map")
    assert str(caught.value) == f"Rule map: resource {shown} must be a positive number."


@given(
    st.integers(1, 256),
    st.floats(0.001, 1e7),
    st.floats(0.001, 1e6),
    st.sampled_from(("mem_mb", "mem_mib")),
)
def test_a_job_never_gets_less_than_it_asks_for(
    threads: int, memory: float, minutes: float, unit: str
) -> None:
    resources = {"_cores": threads, unit: memory, "runtime": minutes}
    planned = plan_resources(resources, "Rule map")
    unit_bytes = {"mem_mb": 10**6, "mem_mib": 2**20}[unit]
    assert planned.vcpus >= threads
    assert (planned.memory_mib - RUNTIME_OVERHEAD_MIB) * 2**20 >= memory * unit_bytes * (1 - 1e-9)
    assert planned.timeout_seconds is not None
    assert planned.timeout_seconds >= max(60, minutes * 60 - 0.5)


def test_requirements_are_texts_and_name_no_gpu_that_is_not_wanted() -> None:
    assert BatchResources(2, 512).make_requirements() == [
        {"type": "VCPU", "value": "2"},
        {"type": "MEMORY", "value": "512"},
    ]
    assert BatchResources(2, 512, gpus=1).make_requirements()[2] == {"type": "GPU", "value": "1"}
