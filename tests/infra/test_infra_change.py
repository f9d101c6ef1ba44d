"""What an update changes and takes away."""

from __future__ import annotations

from infra.scripted_stacks import ARN

from snakemake_executor_plugin_batchx.infra.change import Change, plan_change
from snakemake_executor_plugin_batchx.infra.gateway import Stack
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.template import (
    list_kinds_of_resources,
    list_values,
    make_template,
    plan_parts,
)

OWN = {"vpc": "vpc-1", "subnets": ("subnet-1",)}


def change(before: StackOptions | None, after: StackOptions) -> Change:
    """Return what happens to a stack made with other options."""
    stack, present = None, {}
    if before is not None:
        old = plan_parts(before)
        outputs = make_template(old)["Outputs"]
        shown = {
            name: each["Value"] if isinstance(each["Value"], str) else f"({name})"
            for name, each in outputs.items()
        }
        stack = Stack(ARN, "batchx", "CREATE_COMPLETE", outputs=shown, values=list_values(old))
        present = list_kinds_of_resources(old)
    parts = plan_parts(after)
    return plan_change(stack, present, list_kinds_of_resources(parts), list_values(parts), after)


def test_of_a_new_stack_there_is_nothing_to_compare() -> None:
    found = change(None, StackOptions(is_spot=True))
    assert "Queue" in found.made
    assert (found.removed, found.changed, found.forgotten) == ({}, (), ())


def test_the_same_options_change_nothing() -> None:
    options = StackOptions(is_gpu=True, pulled_repositories=("lab/*",), **OWN)  # type: ignore[arg-type]
    found = change(options, options)
    assert found == Change({}, {}, [], [])


def test_values_are_told_before_and_after() -> None:
    found = change(
        StackOptions(), StackOptions(max_vcpus=8, repository="lab/", pulled_repositories=("a",))
    )
    assert found.changed == [
        "MaxVcpus: 256 → 8",
        "repositories of batchx's, begin with: batchx-images/ → lab/",
        "repositories to pull from: none → a",
    ]
    assert not found.forgotten


def test_what_is_forgotten_is_named_by_its_option() -> None:
    before = StackOptions(
        is_spot=True, is_gpu=True, is_arm=True, is_fargate=True, pulled_repositories=("a", "b/*")
    )
    found = change(before, StackOptions(pulled_repositories=("a",)))
    assert found.forgotten == ["--spot", "--fargate", "--gpu", "--arm", "--pull b/*"]
    assert "repositories to pull from: a, b/* → a" in found.changed


def test_a_forgotten_network_moves_everything() -> None:
    found = change(StackOptions(**OWN), StackOptions())  # type: ignore[arg-type]
    assert found.changed == ["VPC: vpc-1 → a new one: all compute environments move there"]
    assert found.forgotten == ["--vpc vpc-1"]
    back = change(StackOptions(), StackOptions(**OWN))  # type: ignore[arg-type]
    assert back.changed == ["VPC: (Vpc) → vpc-1: all compute environments move there"]
    assert back.forgotten == []
