"""What jobs cost, estimated: their share of the machine, for as long as they ran, at its price."""

from dataclasses import dataclass

from snakemake_executor_plugin_batchx.report.prices import (
    ON_DEMAND,
    SPOT,
    InstancePrice,
    PriceTable,
)
from snakemake_executor_plugin_batchx.report.rows import BatchJob, Demand, JobRow, Machine, Start
from snakemake_executor_plugin_batchx.report.words import MIB_PER_GIB, SECONDS_PER_HOUR

FARGATE_LEAST_SECONDS = 60.0
"""https://aws.amazon.com/fargate/pricing/"""

NO_MACHINE = "it is not known on which machine it ran"
NO_TIMES = "AWS Batch has not told when it ran"


@dataclass(frozen=True)
class JobCost:
    """US dollars, None where they are not known, for which `problem` is the reason.

    With `is_upper_bound` a spot instance is reckoned at the price on demand, for want of its own.
    """

    usd: float | None
    is_upper_bound: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Total:
    """What jobs cost together; of `unknown` of them nobody knows, `upper_bounds` cost less."""

    usd: float = 0.0
    known: int = 0
    unknown: int = 0
    upper_bounds: int = 0

    def add(self, cost: JobCost) -> "Total":
        """Return the total with one more job."""
        return Total(
            self.usd + (cost.usd or 0.0),
            self.known + (cost.usd is not None),
            self.unknown + (cost.usd is None),
            self.upper_bounds + cost.is_upper_bound,
        )


def estimate_cost(job: JobRow, prices: PriceTable) -> JobCost:
    """Return what all attempts of a job cost.

    A job that no machine ever ran for costs nothing.
    """
    total = 0.0
    is_upper_bound = False
    if job.demand is None or not job.batch_jobs:
        has_run = any(status in {"STARTING", "RUNNING"} for status, _ in job.states)
        return JobCost(None, problem=NO_TIMES) if has_run else JobCost(0.0)
    for batch_job in job.batch_jobs:
        starts = batch_job.starts or (Start(batch_job.started, batch_job.stopped),)
        for start in starts:
            if not start.seconds:
                continue
            cost = _estimate_start(job.demand, batch_job, start, prices)
            if cost.usd is None:
                return cost
            total += cost.usd
            is_upper_bound |= cost.is_upper_bound
    return JobCost(total, is_upper_bound)


def _estimate_start(
    demand: Demand, batch_job: BatchJob, start: Start, prices: PriceTable
) -> JobCost:
    if batch_job.is_fargate:
        return _estimate_fargate(demand, batch_job, start, prices)
    machine = start.machine
    if machine is None or machine.instance_type is None:
        return JobCost(None, problem=NO_MACHINE)
    market = machine.market or _guess_market(batch_job)
    price = prices.find(machine.instance_type, market, machine.zone)
    is_upper_bound = price is None and market != ON_DEMAND
    price = price or prices.find(machine.instance_type)
    if price is None:
        return JobCost(None, problem=f"there is no price of {machine.instance_type}")
    hours = start.seconds / SECONDS_PER_HOUR
    return JobCost(find_share(demand, price) * hours * price.usd_per_hour, is_upper_bound)


def _guess_market(batch_job: BatchJob) -> str:
    """Return the market of a machine of which EC2 did not tell it: by the queue's environments."""
    return ON_DEMAND if batch_job.environments == ("EC2",) else SPOT


def find_share(demand: Demand, price: InstancePrice) -> float:
    """Return which share of an instance a job takes from others: the largest of its parts."""
    shares = [
        demand.vcpus / price.vcpus if price.vcpus else 0.0,
        demand.memory_mib / MIB_PER_GIB / price.memory_gib if price.memory_gib else 0.0,
        demand.gpus / price.gpus if price.gpus else 0.0,
    ]
    return min(1.0, max(shares))


def _estimate_fargate(
    demand: Demand, batch_job: BatchJob, start: Start, prices: PriceTable
) -> JobCost:
    is_spot = batch_job.environments == ("FARGATE_SPOT",)
    market = SPOT if is_spot else ON_DEMAND
    usd = _find_fargate(demand, market, prices)
    # A queue with both does not say on which a job was.
    is_upper_bound = "FARGATE_SPOT" in batch_job.environments and (usd is None or not is_spot)
    if usd is None:
        usd = _find_fargate(demand, ON_DEMAND, prices)
    if usd is None:
        return JobCost(None, problem=f"there is no price of Fargate on {demand.architecture}")
    seconds = max(start.seconds, FARGATE_LEAST_SECONDS)
    return JobCost(usd * seconds / SECONDS_PER_HOUR, is_upper_bound)


def _find_fargate(demand: Demand, market: str, prices: PriceTable) -> float | None:
    vcpu = prices.find_fargate("fargate-vcpu", demand.architecture, market)
    gb = prices.find_fargate("fargate-gb", demand.architecture, market)
    if vcpu is None or gb is None:
        return None
    return demand.vcpus * vcpu + demand.memory_mib / MIB_PER_GIB * gb


def name_machine(machine: Machine | None, batch_job: BatchJob | None) -> str:
    """Return what tables call a machine."""
    if batch_job is not None and batch_job.is_fargate:
        return "Fargate Spot" if batch_job.environments == ("FARGATE_SPOT",) else "Fargate"
    if machine is None or machine.instance_type is None:
        return ""
    market = f" {machine.market}" if machine.market else ""
    return f"{machine.instance_type}{market}"
