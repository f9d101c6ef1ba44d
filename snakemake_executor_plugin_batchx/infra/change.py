"""What an update of a stack changes, and what it takes away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.infra.gateway import Stack
from snakemake_executor_plugin_batchx.infra.options import StackOptions

SWITCHED = {
    "Spot": "--spot",
    "FargateQueue": "--fargate",
    "GpuQueue": "--gpu",
    "ArmQueue": "--arm",
}
"""What tells that an option was given before: the resource → the option."""


@dataclass(frozen=True)
class Change:
    """What an update does: names in the template → types for what it makes and removes.

    `changed` are lines of what gets another value, `forgotten` the options that were given before
    and are not now, so that what they gave is taken away.
    """

    made: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Sequence[str] = ()
    forgotten: Sequence[str] = ()


def plan_change(
    stack: Stack | None,
    present: Mapping[str, str],
    wanted: Mapping[str, str],
    values: Mapping[str, str],
    options: StackOptions,
) -> Change:
    """Compare a stack and its resources with the resources and values of a template."""
    made = {name: kind for name, kind in wanted.items() if name not in present}
    removed = {name: kind for name, kind in present.items() if name not in wanted}
    if stack is None or not present:
        return Change(made, removed)
    pulls = _read_pulls(stack)
    changed = [
        *_compare_network(stack, options),
        *(
            _tell(name, stack.values[name], value)
            for name, value in values.items()
            if stack.values.get(name, value) != value
        ),
    ]
    prefix = stack.outputs.get("RepositoryPrefix", options.prefix)
    if prefix != options.prefix:
        changed.append(_tell("repositories of batchx's, begin with", prefix, options.prefix))
    if {*pulls} != {*options.pulled_repositories}:
        changed.append(
            _tell(
                "repositories to pull from",
                ", ".join(pulls),
                ", ".join(options.pulled_repositories),
            )
        )
    forgotten = [option for name, option in SWITCHED.items() if name in removed]
    forgotten += [f"--pull {name}" for name in pulls if name not in options.pulled_repositories]
    if "VpcId" in stack.values and options.vpc is None:
        forgotten.append(f"--vpc {stack.values['VpcId']}")
    return Change(made, removed, changed, forgotten)


def _compare_network(stack: Stack, options: StackOptions) -> list[str]:
    """Return what becomes of everything where it moves into another VPC."""
    before = stack.values.get("VpcId") or stack.outputs.get("Vpc", "one of its own")
    if ("VpcId" in stack.values) == (options.vpc is not None):
        return []
    return [
        f"{_tell('VPC', before, options.vpc or 'a new one')}: all compute environments move there"
    ]


def _read_pulls(stack: Stack) -> list[str]:
    return list(filter(None, stack.outputs.get("PulledRepositories", "").split(",")))


def _tell(name: str, before: str, after: str) -> str:
    return f"{name}: {before or 'none'} → {after or 'none'}"
