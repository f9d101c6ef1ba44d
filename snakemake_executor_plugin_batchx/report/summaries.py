"""What the jobs of a rule took together."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.report.cost import JobCost, Total, estimate_cost
from snakemake_executor_plugin_batchx.report.prices import PriceTable
from snakemake_executor_plugin_batchx.report.rows import SUCCESS, JobRow, RunRecord
from snakemake_executor_plugin_batchx.report.words import MIB_PER_GIB, SECONDS_PER_HOUR


@dataclass(frozen=True)
class PricedJob:
    """A job with what it cost, and what of its demand it used."""

    row: JobRow
    cost: JobCost

    @property
    def cpu_efficiency(self) -> float | None:
        """CPU time that was used, of that which was kept for it."""
        usage, demand = self.row.usage, self.row.demand
        if usage is None or demand is None or not (demand.vcpus and usage.wall_seconds):
            return None
        return usage.cpu_seconds / (demand.vcpus * usage.wall_seconds)

    @property
    def memory_efficiency(self) -> float | None:
        """Peak of memory, of what was asked for."""
        usage, demand = self.row.usage, self.row.demand
        if usage is None or demand is None or not (usage.peak_memory_mib and demand.memory_mib):
            return None
        return usage.peak_memory_mib / demand.memory_mib

    @property
    def wasted_vcpu_hours(self) -> float:
        """vCPU-hours that were kept for it in vain."""
        usage, demand = self.row.usage, self.row.demand
        if usage is None or demand is None:
            return 0.0
        wasted = demand.vcpus * usage.wall_seconds - usage.cpu_seconds
        return max(0.0, wasted) / SECONDS_PER_HOUR

    @property
    def wasted_gib_hours(self) -> float:
        """GiB-hours of memory likewise."""
        usage, demand = self.row.usage, self.row.demand
        if usage is None or demand is None or usage.peak_memory_mib is None:
            return 0.0
        wasted_gib = max(0.0, demand.memory_mib - usage.peak_memory_mib) / MIB_PER_GIB
        return wasted_gib * usage.wall_seconds / SECONDS_PER_HOUR


@dataclass(frozen=True)
class RuleSummary:
    """The jobs of a rule, or of a group of rules, together.

    Times are in seconds, memory and disk in MiB. `measured` have told what they used; efficiencies
    are those of all of them together, by what was kept for each. `starts` counts attempts on Batch.
    """

    rule: str
    jobs: tuple[PricedJob, ...]
    succeeded: int
    failed: int
    unfinished: int
    measured: int
    starts: int
    wall_total: float
    wall_median: float | None
    wall_max: float | None
    wait_median: float | None
    wait_max: float | None
    vcpus: float | None
    memory_mib: float | None
    disk_mib: float | None
    peak_mib: float | None
    cpu_efficiency: float | None
    memory_efficiency: float | None
    wasted_vcpu_hours: float
    wasted_gib_hours: float
    stage_in_seconds: float
    stage_out_seconds: float
    bytes_in: int
    bytes_out: int
    cost: Total

    @property
    def again(self) -> int:
        """How many attempts on Batch there were beyond the first of each job."""
        return max(0, self.starts - sum(1 for job in self.jobs if job.row.starts))


@dataclass(frozen=True)
class Report:
    """A run, its rules and its total, at prices of a table, which may be those of one region."""

    run: RunRecord
    jobs: tuple[PricedJob, ...]
    rules: tuple[RuleSummary, ...]
    total: RuleSummary
    prices: str
    price_region: str = ""


def make_report(run: RunRecord, prices: PriceTable) -> Report:
    """Sum up a run, its rules in the order in which their first jobs came."""
    jobs = tuple(PricedJob(row, estimate_cost(row, prices)) for row in run.jobs)
    groups: dict[str, list[PricedJob]] = {}
    for job in jobs:
        groups.setdefault(job.row.rule, []).append(job)
    rules = tuple(summarize(rule, members) for rule, members in groups.items())
    return Report(run, jobs, rules, summarize("all", jobs), prices.source, prices.region)


def summarize(rule: str, jobs: Sequence[PricedJob]) -> RuleSummary:
    """Return what jobs took together."""
    rows = [job.row for job in jobs]
    usages = [row.usage for row in rows if row.usage is not None]
    demands = [row.demand for row in rows if row.demand is not None]
    walls = [row.wall_seconds for row in rows if row.wall_seconds is not None]
    waits = [row.wait_seconds for row in rows if row.wait_seconds is not None]
    cost = Total()
    for job in jobs:
        cost = cost.add(job.cost)
    return RuleSummary(
        rule=rule,
        jobs=tuple(jobs),
        succeeded=sum(row.kind == SUCCESS for row in rows),
        failed=sum(row.has_failed for row in rows),
        unfinished=sum(row.kind is None for row in rows),
        measured=len(usages),
        starts=sum(len(row.starts) for row in rows),
        wall_total=sum(walls),
        wall_median=statistics.median(walls) if walls else None,
        wall_max=max(walls, default=None),
        wait_median=statistics.median(waits) if waits else None,
        wait_max=max(waits, default=None),
        vcpus=max((demand.vcpus for demand in demands), default=None),
        memory_mib=max((demand.memory_mib for demand in demands), default=None),
        disk_mib=_find_most(usage.disk_mib for usage in usages),
        peak_mib=_find_most(usage.peak_memory_mib for usage in usages),
        cpu_efficiency=_find_cpu_efficiency(jobs),
        memory_efficiency=_find_memory_efficiency(jobs),
        wasted_vcpu_hours=sum(job.wasted_vcpu_hours for job in jobs),
        wasted_gib_hours=sum(job.wasted_gib_hours for job in jobs),
        stage_in_seconds=sum(usage.stage_in_seconds for usage in usages),
        stage_out_seconds=sum(usage.stage_out_seconds for usage in usages),
        bytes_in=sum(usage.bytes_in for usage in usages),
        bytes_out=sum(usage.bytes_out for usage in usages),
        cost=cost,
    )


def _find_most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _find_cpu_efficiency(jobs: Sequence[PricedJob]) -> float | None:
    used = kept = 0.0
    for job in jobs:
        usage, demand = job.row.usage, job.row.demand
        if usage is not None and demand is not None:
            used += usage.cpu_seconds
            kept += demand.vcpus * usage.wall_seconds
    return used / kept if kept else None


def _find_memory_efficiency(jobs: Sequence[PricedJob]) -> float | None:
    used = kept = 0.0
    for job in jobs:
        usage, demand = job.row.usage, job.row.demand
        if usage is not None and demand is not None and usage.peak_memory_mib is not None:
            used += usage.peak_memory_mib
            kept += demand.memory_mib
    return used / kept if kept else None
