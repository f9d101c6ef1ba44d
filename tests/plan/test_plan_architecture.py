"""The architecture of a queue, from its instance types."""

import pytest

from snakemake_executor_plugin_batchx.plan.architecture import find_architecture


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["optimal"], "amd64"),
        (["m5", "c5.large"], "amd64"),
        (["g5.xlarge", "g4dn", "p4d"], "amd64"),
        (["m7g"], "arm64"),
        (["c7gn.medium"], "arm64"),
        (["im4gn.large"], "arm64"),
        (["t4g", "g5g"], "arm64"),
        (["a1"], "arm64"),
        (["default_arm64"], "arm64"),
        (["default_x86_64"], "amd64"),
        ([], "amd64"),
    ],
)
def test_instance_types_tell(types: list[str], expected: str) -> None:
    environments = [{"computeResources": {"instanceTypes": types}}]
    assert find_architecture(environments) == expected


def test_an_unmanaged_environment_tells_nothing() -> None:
    assert find_architecture([{}]) == "amd64"
