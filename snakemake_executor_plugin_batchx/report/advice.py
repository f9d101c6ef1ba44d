"""Which rules waste most, and the lines that would let them waste less."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.plan.fargate import FargateSize, fit_fargate
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.report.rows import SUCCESS
from snakemake_executor_plugin_batchx.report.summaries import RuleSummary
from snakemake_executor_plugin_batchx.report.words import count

HEAD_ROOM = 1.25
"""What is suggested is so many times the most that any job of the rule used."""

LEAST_SAVING = 0.2
"""Of what is asked for; less is not worth a change."""

LEAST_SAVING_MIB = 256.0

ROUNDED_TO_MB = 100
"""Suggestions are whole hundreds of MB."""

MB_PER_MIB = 1.048576

LEAST_TOOL_SECONDS = 10.0
"""The CPU of shorter jobs is mostly that of their start."""

GIB_PER_VCPU = 8.0
"""So many GiB of memory count as one vCPU when waste is compared: what Fargate takes for both."""

NO_LINE = "no line: it would save too little, or jobs are too short to tell"

OF_MEMORY = "memory"
"""The kind of verdict of a job that ran out of it."""


@dataclass(frozen=True)
class Advice:
    """What a rule wasted, in vCPU-hours and GiB-hours, and what to do: `lines` to paste.

    `reasons` say what the lines rest on, or why there is none.
    """

    rule: str
    wasted_vcpu_hours: float
    wasted_gib_hours: float
    lines: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def weight(self) -> float:
        """All that is wasted, in vCPU-hours."""
        return self.wasted_vcpu_hours + self.wasted_gib_hours / GIB_PER_VCPU


def rank_waste(rules: Sequence[RuleSummary]) -> list[Advice]:
    """Return the rules that waste something, the most wasteful first."""
    advices = [advise(rule) for rule in rules]
    wasteful = [each for each in advices if each.weight > 0]
    return sorted(wasteful, key=lambda each: -each.weight)


def advise(rule: RuleSummary) -> Advice:
    """Return what a rule wasted, and what it could ask for instead."""
    lines: list[str] = []
    reasons = list(_find_obstacles(rule))
    if not reasons:
        found = _suggest_threads(rule), _suggest_memory(rule)
        lines = [each.line for each in reversed(found) if each.line]
        reasons = [each.reason for each in reversed(found) if each.reason] or [NO_LINE]
    return Advice(
        rule.rule, rule.wasted_vcpu_hours, rule.wasted_gib_hours, tuple(lines), tuple(reasons)
    )


def _find_obstacles(rule: RuleSummary) -> Iterator[str]:
    """Yield why nothing can be said of a rule."""
    if len(rule.jobs[0].row.rules) > 1:
        yield "a group: its rules' own numbers are not known"
    elif any(job.row.demand and job.row.demand.gpus for job in rule.jobs):
        yield "it pays for GPUs, whose use is not known: fewer threads or less memory save little"


@dataclass(frozen=True)
class _Suggestion:
    """A line to paste and what it rests on, both empty without one."""

    line: str = ""
    reason: str = ""


def _suggest_memory(rule: RuleSummary) -> _Suggestion:
    """Suggest less memory, but where a job ran out of it, or none that succeeded told its peak."""
    rows = [job.row for job in rule.jobs]
    if any(row.kind == OF_MEMORY or (row.usage and row.usage.oom_kills) for row in rows):
        return _Suggestion(reason="memory: it ran out in a job of this rule")
    done = [row for row in rows if row.kind == SUCCESS and row.usage and row.demand]
    peaks = [row.usage.peak_memory_mib for row in done if row.usage and row.usage.peak_memory_mib]
    demands = [row.demand for row in done if row.demand]
    if not peaks or not demands:
        return _Suggestion(reason="memory: no job that succeeded told its peak")
    # Of jobs that failed otherwise, too: what they needed is needed.
    most = max(row.usage.peak_memory_mib or 0.0 for row in rows if row.usage)
    overhead = max(demand.overhead_mib for demand in demands)
    # Not less than the peak in any case: tools are told it, as in `-Xmx{resources.mem_mb}m`.
    own_mib = max(most * HEAD_ROOM - overhead, most)
    mem_mb = max(1, math.ceil(own_mib * MB_PER_MIB / ROUNDED_TO_MB)) * ROUNDED_TO_MB
    least, largest = (choose(each.memory_mib for each in demands) for choose in (min, max))
    vcpus = max(demand.vcpus for demand in demands)
    given = _fit(rule, vcpus, mem_mb / MB_PER_MIB + overhead)
    if given is None or least - given.memory_mib < max(LEAST_SAVING_MIB, least * LEAST_SAVING):
        return _Suggestion()
    asked = f"{least:,.0f}" if least == largest else f"{least:,.0f} to {largest:,.0f}"
    own = f" ({overhead:.0f} of them for batchx itself)" if overhead else ""
    return _Suggestion(
        f"resources: mem_mb={mem_mb}",
        f"memory: at most {most:,.0f} of {asked} MiB{own} in {count(len(peaks), 'job')}, "
        "and a quarter more",
    )


def _suggest_threads(rule: RuleSummary) -> _Suggestion:
    """Suggest fewer threads, by the jobs that ran for a while."""
    rows = [job.row for job in rule.jobs if job.row.kind == SUCCESS]
    busy, demands = [], []
    for row in rows:
        if row.usage and row.demand and row.usage.tool_seconds >= LEAST_TOOL_SECONDS:
            busy.append(row.usage.cpu_seconds / row.usage.tool_seconds)
            demands.append(row.demand)
    if not busy:
        return _Suggestion()
    threads = max(1, math.ceil(max(busy) * HEAD_ROOM))
    asked = min(demand.vcpus for demand in demands)
    given = _fit(rule, threads, max(demand.memory_mib for demand in demands))
    if given is None or given.vcpus > asked * (1 - LEAST_SAVING):
        return _Suggestion()
    return _Suggestion(
        f"threads: {threads}",
        f"threads: {max(busy):.1f} of {asked:g} vCPU busy on average in "
        f"{count(len(busy), 'job')}: a tool that needs more for a part of its time gets slower",
    )


def _fit(rule: RuleSummary, vcpus: float, memory_mib: float) -> FargateSize | None:
    """Return what a job that asks for so much is given: on Fargate the next of its sizes."""
    if not any(job.row.is_on_fargate for job in rule.jobs):
        return FargateSize(vcpus, math.ceil(memory_mib))
    try:
        return fit_fargate(vcpus, memory_mib)
    except WrongValueError:
        return None
