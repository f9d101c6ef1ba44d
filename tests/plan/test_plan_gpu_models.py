"""Which GPUs a queue's instances have, and whether the one that a rule wants is among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.ec2.models.instance_types import INSTANCE_TYPES

from snakemake_executor_plugin_batchx.plan.gpu_models import (
    GPU_OF_FAMILY,
    find_gpu_models,
    is_gpu_model_there,
)


@pytest.mark.parametrize(
    ("types", "models"),
    [
        (["g4dn.xlarge"], {"NVIDIA T4"}),
        (["g4dn", "g5.2xlarge", "m7i"], {"NVIDIA T4", "NVIDIA A10G"}),
        (["p4d.24xlarge", "p4de"], {"NVIDIA A100 40GB", "NVIDIA A100 80GB"}),
        (["p6-b200.48xlarge"], {"NVIDIA B200"}),
        (["G4AD.xlarge"], {"AMD Radeon Pro V520"}),
        (["optimal"], set()),
        (["default_x86_64"], set()),
        (["default_arm64", "c7g", "r5.large", "inf2", "trn1.2xlarge", "hpc7a"], set()),
    ],
)
def test_types_tell_their_models(types: list[str], models: set[str]) -> None:
    assert find_gpu_models(types) == models


@pytest.mark.parametrize("types", [[], ["p9.xlarge"], ["g4dn", "g12x.large"], ["gx1"]])
def test_models_of_unknown_families_are_unknown(types: list[str]) -> None:
    assert find_gpu_models(types) is None


@pytest.mark.parametrize(
    ("wanted", "types", "is_there"),
    [
        ("a100", ["p4d"], True),
        ("nvidia-tesla-a100", ["p4d"], True),
        ("NVIDIA A100", ["p4de"], True),
        ("nvidia-a100-80gb", ["p4de"], True),
        ("nvidia-a100-80gb", ["p4d"], False),
        ("tesla_t4", ["g4dn", "g5"], True),
        ("t4", ["g5g"], False),
        ("a10", ["g5", "p4d"], False),
        ("A10G", ["g5"], True),
        ("nvidia-h100-80gb", ["p5"], True),
        ("v520", ["g4ad"], True),
        ("AMD Radeon Pro V520", ["g4ad"], True),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", ["g7e"], True),
        ("t4", ["optimal"], False),
        ("", ["g4dn"], False),
        ("nvidia", ["g4dn"], False),
    ],
)
def test_a_model_is_found_however_it_is_written(
    wanted: str, types: list[str], is_there: bool
) -> None:
    models = find_gpu_models(types)
    assert models is not None
    assert is_gpu_model_there(wanted, models) is is_there


def test_models_that_no_table_has_are_compared_by_their_names() -> None:
    assert is_gpu_model_there("x-9000", ["NVIDIA X9000"])
    assert not is_gpu_model_there("x-9000", ["NVIDIA X9001"])


@given(st.lists(st.text() | st.sampled_from(sorted(GPU_OF_FAMILY))), st.text())
def test_any_names_can_be_asked_for(types: list[str], wanted: str) -> None:
    models = find_gpu_models(types)
    if not types:
        assert models is None
    if models is not None:
        assert all(is_gpu_model_there(model, models) for model in models)
        assert is_gpu_model_there(wanted, models) in {True, False}


def test_the_table_has_what_ec2_itself_says() -> None:
    told = {
        name.partition(".")[0]: f"{gpu['Manufacturer']} {gpu['Name']}"
        for name, each in INSTANCE_TYPES.items()
        for gpu in each.get("GpuInfo", {}).get("Gpus", ())
    }
    compared = told.keys() & GPU_OF_FAMILY.keys()
    assert {"g4dn", "g6", "p4d", "p5"} <= compared
    assert [
        name for name in compared if not is_gpu_model_there(told[name], [f"{GPU_OF_FAMILY[name]}"])
    ] == []
    others = {
        name.partition(".")[0] for name, each in INSTANCE_TYPES.items() if "GpuInfo" not in each
    }
    assert find_gpu_models(others) == frozenset()
