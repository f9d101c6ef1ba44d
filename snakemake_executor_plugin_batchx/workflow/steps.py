"""The rule instances that make up a job."""

from collections.abc import Iterator
from typing import Any


def list_steps(job: Any) -> list[Any]:
    """Return the rule instances of a job: itself, or those of a group."""
    return [step for wave in list_waves(job) for step in wave]


def list_waves(job: Any) -> list[list[Any]]:
    """Return the rule instances of a job in waves: none reads what its own or a later one makes."""
    return [list(wave) for wave in job.toposorted] if job.is_group() else [[job]]


def make_label(job: Any) -> str:
    """Return how messages call a job: enough to tell it from its like."""
    if job.is_group():
        return f"Group {job.groupid}"
    wildcards = ", ".join(f"{name}={value}" for name, value in job.wildcards_dict.items())
    return f"Rule {job.rule.name}" + (f" ({wildcards})" if wildcards else "")


def iter_made(step: Any) -> Iterator[Any]:
    """Yield all that a rule instance makes: outputs, logs, the benchmark."""
    yield from step.output
    yield from step.log
    if step.benchmark:
        yield step.benchmark
